// `node infra/run.mjs TASK …`: what the scripts of package.json call. Without dependencies, and under Node 20 as well:
// it runs before anything is installed.
import { explain, Refusal } from './steps.mjs';
import { requireMachine } from './toolchain.mjs';

const tasks = {
  up: () => import('./up.mjs').then(({ up }) => up),
  down: () => import('./up.mjs').then(({ down }) => down),
  check: () => import('./check.mjs').then(({ check }) => check),
  bench: () => import('./bench.mjs').then(({ bench }) => bench),
  format: () => import('./check.mjs').then(({ format }) => format),
  test: () => import('./test.mjs').then(({ testQuick }) => testQuick),
  'test:long': () => import('./test.mjs').then(({ testLong }) => testLong),
};

// Whoever reads the output may stop before its end, as `head` does.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error;
});
try {
  requireMachine();
  const [name = '', ...args] = process.argv.slice(2);
  if (!Object.hasOwn(tasks, name)) {
    throw new Refusal(`There is no task "${name}": use one of ${Object.keys(tasks).join(', ')}.`);
  }
  const task = await tasks[name]();
  process.exitCode = await task(args);
} catch (error) {
  explain(error);
  process.exitCode = 1;
}
