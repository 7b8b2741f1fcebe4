// Preloaded into a gateway by tests: its clock is as many milliseconds off as the file TEST_CLOCK_FILE says, all else runs as it does.
// On SIGUSR2 it reads the file anew, and says in another beside it what it found, as who sets a machine's clock would do.
import { readFileSync, writeFileSync } from 'node:fs';

const file = process.env.TEST_CLOCK_FILE;
let shiftMs = Number(readFileSync(file, 'utf8'));
process.on('SIGUSR2', () => {
  shiftMs = Number(readFileSync(file, 'utf8'));
  writeFileSync(`${file}.applied`, String(shiftMs));
});

const trueNow = Date.now;
const now = () => trueNow() + shiftMs;

globalThis.Date = new Proxy(Date, {
  construct: (target, parameters, newTarget) =>
    Reflect.construct(target, parameters.length === 0 ? [now()] : parameters, newTarget),
  apply: (target) => new target(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});
