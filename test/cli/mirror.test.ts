import { startGateway, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Workplace } from '../../apps/cli/test-io.ts';
import { openWorkplace } from '../workplace.ts';

let gateway: TestGateway;
let place: Workplace;

beforeAll(async () => {
  gateway = await startGateway();
  place = await openWorkplace(gateway);
});
afterAll(async () => {
  await gateway.close();
  await place.remove();
});

const mirror = async (...words: readonly string[]) => {
  const { exitCode, stdout } = await place.run(
    'mirror',
    ...words,
    '--registry',
    gateway.organisation,
    '--json',
  );
  return { exitCode, json: JSON.parse(stdout) as unknown };
};

test('an operator sets, lists, changes and removes how much is kept of peers’ images', async () => {
  const pattern = 'globex.example/**';
  const set = { pattern, fetch: 'ON_ANNOUNCEMENT', everySeconds: null, maxBytes: null };
  expect(await mirror('set', pattern, '--fetch', 'on-announcement')).toEqual({ exitCode: 0, json: set });
  const changed = { pattern, fetch: 'ON_SCHEDULE', everySeconds: 3600, maxBytes: '50000000000' };
  const change = ['set', pattern, '--fetch', 'on-schedule', '--every', '3600', '--max-bytes', '50000000000'];
  expect(await mirror(...change)).toEqual({ exitCode: 0, json: changed });
  expect(await mirror('list')).toEqual({ exitCode: 0, json: { policies: [changed] } });
  const table = await place.run('mirror', 'list', '--registry', gateway.organisation);
  expect(table.stdout).toMatch(/globex\.example\/\*\*\s+on-schedule\s+3600 s\s+50000000000/);
  expect(await mirror('remove', pattern)).toEqual({ exitCode: 0, json: changed });
  expect(await mirror('list')).toEqual({ exitCode: 0, json: { policies: [] } });
});

test.each([
  ['set', '***', '--fetch', 'never'],
  ['set', '**', '--fetch', 'on-schedule'],
  ['set', '**', '--fetch', 'on-schedule', '--every', 'hourly'],
  ['set', '**', '--fetch', 'on-demand', '--max-bytes', '1GB'],
  ['remove', 'globex.example/**'],
])('mirror %s %s is refused with what to do', async (...words) => {
  const refused = await place.run('mirror', ...words, '--registry', gateway.organisation);
  expect(refused.exitCode).not.toBe(0);
  expect(refused.stderr).toMatch(/\w+ .*\./);
});
