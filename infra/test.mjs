// `npm test` and `npm run test:long`: Vitest under the pinned Node, and the counts at the end.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
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
    const results = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined;
    const failures = listFailures(results);
    if (code !== 0 && failures.length === 0)
      failures.push('the run broke outside of a test: what it said is above');
    for (const failure of failures) say(`failed: ${failure}`);
    const { numPassedTests: passed = 0, numPendingTests: skipped = 0 } = results ?? {};
    // One line that scripts can read.
    say(`${name}: ${passed} passed, ${failures.length} failed, ${skipped} skipped`);
    return code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// A line for each, so that the end of a long output tells what to look at.
function listFailures(report) {
  return (report?.testResults ?? []).flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(inRoot('.'), name);
    const failed = assertionResults.filter((result) => result.status === 'failed');
    if (status === 'failed' && failed.length === 0) return [`${file}: ${firstLine(message)}`];
    return failed.map(
      ({ fullName, failureMessages }) => `${file} > ${fullName}: ${firstLine(failureMessages[0])}`,
    );
  });
}

const firstLine = (message = '') => message.split('\n', 1)[0].slice(0, 500);
