// `npm run check` and `npm run format`: what every change has to pass, cached by Nx.
import { ensureInstalled } from './install.mjs';
import { getNode, inRoot, runAttached } from './toolchain.mjs';

const targets = ['format', 'lint', 'types', 'dead-code'];

/** Runs format, lint (with the layers' boundaries), types and dead code; the exit code is Nx's. */
export async function check(args) {
  await ensureInstalled();
  const nx = inRoot('node_modules/nx/dist/bin/nx.js');
  return runAttached(getNode(), [nx, 'run-many', '--parallel=2', '-t', ...targets, ...args]);
}

/** Rewrites every file in the project's format. */
export async function format(args) {
  await ensureInstalled();
  const prettier = inRoot('node_modules/prettier/bin/prettier.cjs');
  return runAttached(getNode(), [
    prettier,
    '--write',
    '--log-level=warn',
    ...(args.length > 0 ? args : ['.']),
  ]);
}
