// `npm test` and `npm run test:long`: Vitest under the pinned Node, and the counts at the end.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled } from './install.mjs';
import { say } from './steps.mjs';
import { getNode, inRoot, runAttached } from './toolchain.mjs';

/** What a user runs; further arguments go to Vitest. */
export const testQuick = (args) => runTests('quick', ['quick'], args);

/** Kills, large ledgers and soaks; further arguments go to Vitest. */
export const testLong = (args) => runTests('long', ['long', 'soak'], args);

async function runTests(name, projects, args) {
  await ensureInstalled();
  const folder = mkdtempSync(join(tmpdir(), 'dockchains-report-'));
  const report = join(folder, 'report.json');
  try {
    const code = await runAttached(getNode(), [
      inRoot('node_modules/vitest/vitest.mjs'),
      'run',
      ...projects.map((project) => `--project=${project}`),
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...args,
    ]);
    say(describe(name, code, existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined));
    return code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// One line that scripts can read. A run that broke without a failed test (an error between tests) counts as one.
function describe(name, code, report) {
  const { numPassedTests: passed = 0, numPendingTests: skipped = 0 } = report ?? {};
  const failed = Math.max(report?.numFailedTests ?? 0, code === 0 ? 0 : 1);
  return `${name}: ${passed} passed, ${failed} failed, ${skipped} skipped`;
}
