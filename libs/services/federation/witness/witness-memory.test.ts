import { generateKeyPairSync } from 'node:crypto';

import {
  addSignatures,
  cosign,
  createCosigner,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
} from '@dockchains/tlog';
import { describe, expect, test } from 'vitest';

import { hashOrigin } from '../replication/replica.ts';
import { makeGrowingLog } from './testing/growing-log.ts';
import { openWitnessFixture } from './testing/witness-fixture.ts';
import { createWitness } from './witness.ts';
import { findWitnessedHead } from './witnessed-heads.ts';

const on = await openWitnessFixture();
const { cosigner, depsOf, add, addBody, bodyOf } = on;

describe('W5: a witness whose database was put back', () => {
  test('goes on from the cosignature of its own that the log shows, and cosigns no fork of it', async () => {
    const own = addSignatures(await on.log.note(9), [cosign(await on.log.note(9), cosigner, 5n)]);
    await add(0, 5);
    on.published = () => Promise.resolve(own);
    on.witness = createWitness(depsOf());
    expect(await addBody(await bodyOf(7, { old: 5, proof: await on.log.proof(5, 7) }))).toMatchObject({
      ...{ status: 409, body: '9\n' },
    });
    expect(await add(9, 12)).toMatchObject({ status: 200 });
  });

  test('remembers by itself while it runs', async () => {
    await add(0, 9);
    await on.database.prisma.witnessedHead.deleteMany();
    expect(await add(0, 5)).toMatchObject({ status: 409, body: '9\n' });
  });

  test('remembers what it cosigned while another of its first requests still asked the log', async () => {
    let release: (note: string) => void = () => undefined;
    const later = new Promise<string>((resolve) => {
      release = resolve;
    });
    const answers = [on.log.note(0), later];
    on.published = () => answers.shift() ?? on.log.note(0);
    const [first, second] = [add(0, 9), add(0, 5)];
    expect(await first).toMatchObject({ status: 200 });
    release(await on.log.note(0));
    expect(await second).toMatchObject({ status: 409, body: '9\n' });
    await on.database.prisma.witnessedHead.deleteMany();
    expect(await add(0, 5)).toMatchObject({ status: 409, body: '9\n' });
  });

  test('goes on from what it cosigned under a key that the log has replaced since', async () => {
    const [former, organisation] = [on.log, on.log.origin.split('/')[0] ?? ''];
    const own = addSignatures(await former.note(9), [cosign(await former.note(9), cosigner, 5n)]);
    on.log = await makeGrowingLog({ organisation });
    on.published = () => Promise.resolve(own);
    const keys = [on.log, former].map(({ verifierKey }) => parseVerifierKey(verifierKey));
    const findLog = (logKeys: typeof keys) => () =>
      Promise.resolve({
        ...{ keys: keys.slice(0, 1), logKeys: logKeys.map((key) => ({ key, isRevoked: false })) },
        checkpointUrl: 'http://globex.example/log',
      });
    on.witness = createWitness(depsOf({ findLog: findLog(keys) }));
    expect(await add(0, 5)).toMatchObject({ status: 409, body: '9\n' });
    await on.database.prisma.witnessedHead.deleteMany();
    // A stranger's note is no memory of ours.
    on.witness = createWitness(depsOf({ findLog: findLog(keys.slice(0, 1)) }));
    expect(await add(0, 5)).toMatchObject({ status: 200 });
  });

  test('takes nobody else’s word for what it cosigned', async () => {
    const stranger = createCosigner({
      name: cosigner.name,
      privateKey: generateKeyPairSync('ed25519').privateKey,
    });
    on.published = async () =>
      addSignatures(await on.log.note(9), [cosign(await on.log.note(9), stranger, 5n)]);
    expect(await add(0, 5)).toMatchObject({ status: 200 });
    expect(
      parseCheckpoint(parseNote((await findWitnessedHead(on.database, on.log.origin))?.note ?? '').text).size,
    ).toBe(5n);
  });

  test('cosigns nothing for a log that it could not ask', async () => {
    on.published = () => Promise.reject(new Error('away'));
    expect(await add(0, 5)).toMatchObject({ status: 503 });
    on.published = () => on.log.note(0);
    expect(await add(0, 5)).toMatchObject({ status: 200 });
  });
});

test('W6: a log that was removed and comes back goes on where it was', async () => {
  await add(0, 5);
  on.known = false;
  expect(await add(5, 9)).toMatchObject({ status: 404 });
  expect(await on.witness.findCheckpoint(hashOrigin(on.log.origin))).toBeDefined();
  on.known = true;
  on.witness = createWitness(depsOf());
  expect(await add(0, 9)).toMatchObject({ status: 409, body: '5\n' });
  expect(await add(5, 9)).toMatchObject({ status: 200 });
});
