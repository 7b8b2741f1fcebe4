import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type BuiltLog, buildLog } from '@dockchains/testing';
import { encodeEquivocation, encodeUnexplained } from '@dockchains/tlog';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createWorkplace, type Workplace } from './test-io.ts';

let log: BuiltLog;
let proof: string;
let place: Workplace;

const noteOf = ({ files }: BuiltLog): string => files.get('checkpoint')?.toString() ?? '';

beforeAll(async () => {
  log = await buildLog({ size: 3 });
  const entries = [...log.entries.slice(0, 2), Buffer.from('another')];
  const other = await buildLog({ entries, privateKey: log.privateKey });
  proof = encodeEquivocation({ older: noteOf(log), newer: noteOf(other) });
});
beforeEach(async () => {
  place = await createWorkplace();
  await writeFile(join(place.folder, 'policy'), log.policy);
});
afterEach(() => place.remove());

const audit = async (text: string, ...options: string[]) => {
  await writeFile(join(place.folder, 'proof'), text);
  return place.run('audit', '--proof', 'proof', '--policy', join(place.folder, 'policy'), ...options);
};

describe('audit --proof', () => {
  test('L1: tells with the file and the policy alone that a ledger signed two histories', async () => {
    const { exitCode, stdout, stderr } = await audit(proof);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain('Proven: acme.example/ledger/public signed two histories');
    const json = await audit(proof, '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      proven: true,
      older: { size: '3' },
      newer: { size: '3' },
    });
  });

  test.each([
    { name: 'one note twice', text: () => encodeEquivocation({ older: noteOf(log), newer: noteOf(log) }) },
    { name: 'something else', text: () => 'c2sp.org/tlog-proof@v1\n' },
    { name: 'a root that was changed', text: () => proof.replace('\n3\n', '\n4\n') },
  ])('does not take $name for a proof', async ({ text }) => {
    const { exitCode, stdout } = await audit(text());
    expect(exitCode).toBe(1);
    expect(stdout).toContain('NOT PROVEN');
  });

  test('takes notes by the key that a ledger has and by one that it had, if the policy has both', async () => {
    const entries = [...log.entries.slice(0, 2), Buffer.from('another')];
    const replaced = await buildLog({ entries });
    const text = encodeEquivocation({ older: noteOf(log), newer: noteOf(replaced) });
    expect((await audit(text)).exitCode).toBe(1);
    await writeFile(join(place.folder, 'policy'), `log ${replaced.verifierKey}\n${log.policy}`);
    expect((await audit(text)).exitCode).toBe(0);
  });

  test('believes no key but those of the policy', async () => {
    await writeFile(
      join(place.folder, 'policy'),
      (await buildLog({ organisation: 'globex.example' })).policy,
    );
    const { exitCode, stdout } = await audit(proof);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('has no key of the ledger acme.example/ledger/public');
  });

  test('L1: says of two heads that wait for an explanation that they prove nothing', async () => {
    const longer = await buildLog({ size: 5, privateKey: log.privateKey });
    const file = encodeUnexplained({
      ...{ since: '2026-05-01T00:00:00.000Z', shownBy: 'globex.example', answer: 'it can’t be reached' },
      ...{ older: noteOf(log), newer: noteOf(longer) },
    });
    const { exitCode, stdout } = await audit(file);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      /^NOT PROVEN: acme.example\/ledger\/public signed both a head with 3 entries and one with 5/,
    );
    expect(stdout).toContain('/consistency/3-');
    expect(JSON.parse((await audit(file, '--json')).stdout)).toMatchObject({
      ...{ proven: false, older: { size: '3' }, newer: { size: '5' } },
      unexplained: { shownBy: 'globex.example', answer: 'it can’t be reached' },
    });
    const forged = file.replace('\n5\n', '\n6\n');
    expect(JSON.parse((await audit(forged, '--json')).stdout)).toEqual({
      ...{ proven: false, error: { message: expect.any(String) as unknown } },
    });
  });

  test('asks for a file that is there, and no log beside it', async () => {
    const policy = join(place.folder, 'policy');
    expect((await place.run('audit', '--proof', 'absent', '--policy', policy)).exitCode).toBe(2);
    expect((await audit(proof, 'acme.example')).exitCode).toBe(2);
  });
});
