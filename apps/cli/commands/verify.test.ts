import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type BuiltLog, buildLog, sealExample, tagSetRecord } from '@dockchains/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createWorkplace, type Workplace } from '../test-io.ts';

const REFERENCE = 'acme.example/public/app:5';

let log: BuiltLog;
let bundle: string;
let place: Workplace;

beforeAll(async () => {
  log = await buildLog({ size: 9 });
  bundle = await log.prove(5);
});
beforeEach(async () => {
  place = await createWorkplace();
  await writeFile(join(place.folder, 'policy'), log.policy);
  await writeFile(join(place.folder, 'app.tlog-proof'), bundle);
});
afterEach(async () => {
  await place.remove();
});

const verify = (reference: string, ...options: string[]) =>
  place.run(
    'verify',
    reference,
    '--bundle',
    'app.tlog-proof',
    '--policy',
    join(place.folder, 'policy'),
    ...options,
  );

describe('verify --bundle', () => {
  test('says exactly what is proved, who signed, and what is not excluded', async () => {
    const { exitCode, stdout, stderr } = await verify(REFERENCE);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain(
      `at index 5 that principal p-publisher set public/app:5 to ${tagSetRecord(5).digest}`,
    );
    expect(stdout).toContain('later moves are not excluded');
    expect(stdout).toContain(log.verifierKey);
  });

  test('says of a sealed record that its owner disclosed it, and what was not shown', async () => {
    const record = { ...tagSetRecord(5), repository: 'team/app' };
    const sealed = sealExample(record);
    const ledger = await buildLog({ name: 'private', entries: [sealed.entry] });
    await writeFile(join(place.folder, 'policy'), ledger.policy);
    await writeFile(join(place.folder, 'app.tlog-proof'), await ledger.prove(0, sealed.disclosure));

    const { exitCode, stdout } = await verify('acme.example/team/app:5');
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`set team/app:5 to ${record.digest}; later moves are not excluded`);
    expect(stdout).toContain('committed, and disclosed by the owner; the escrowed copy was not shown');
  });

  test('gives programs the same', async () => {
    const { exitCode, stdout } = await verify(REFERENCE, '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      verified: true,
      checkedOnline: false,
      index: '5',
      record: { kind: 'tag-set', tag: '5' },
      checkpoint: { origin: log.origin, size: '9' },
      signedBy: log.verifierKey,
    });
  });

  test.each(['acme.example/public/app:6', 'acme.example/public/other:5', 'globex.example/public/app:5'])(
    'fails for %s, which the bundle is not about',
    async (reference) => {
      const { exitCode, stdout, stderr } = await verify(reference);
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
      expect(stderr).toContain('something else');
    },
  );

  test('fails with a reason wherever a bit is flipped', async () => {
    const bits = bundle.length * 8;
    for (let bit = 0; bit < bits; bit += 61) {
      const flipped = Buffer.from(bundle);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (0x80 >> (bit & 7)), bit >> 3);
      await writeFile(join(place.folder, 'app.tlog-proof'), flipped);
      const { exitCode, stderr } = await verify(REFERENCE);
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/^dockchains: .{20,}/);
    }
  });

  test('reports a failure as JSON where JSON is asked for', async () => {
    const { exitCode, stdout, stderr } = await verify('acme.example/public/app:6', '--json');
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'VERIFICATION_FAILED' } });
  });

  test('verifies nothing without a policy, and says how to get one', async () => {
    const { exitCode, stdout, stderr } = await place.run('verify', REFERENCE, '--bundle', 'app.tlog-proof');
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/login .*--policy/);
  });

  test.each([
    { name: 'a file that is not there', argv: [REFERENCE, '--bundle', 'gone'] },
    {
      name: 'a host whose organisation nobody knows',
      argv: ['127.0.0.1:5000/public/app:5', '--bundle', 'app.tlog-proof'],
    },
    { name: 'no reference', argv: [] },
    { name: 'an option that does not exist', argv: [REFERENCE, '--bundel', 'x'] },
  ])('is a mistake of use with $name', async ({ argv }) => {
    const { exitCode, stderr } = await place.run('verify', ...argv, '--policy', join(place.folder, 'policy'));
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^dockchains: /);
  });
});
