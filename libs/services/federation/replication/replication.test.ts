import { openCheckpoint, parseNote, parseVerifierKey } from '@dockchains/tlog';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { awaitStatus, makeReplicas, type ReplicaFixture, type TestPeer } from '../testing/replicas.ts';
import { hashOrigin } from './replica.ts';
import type { Replication } from './replication.ts';

const ORIGIN = 'acme.example/ledger/public';
const HASH = hashOrigin(ORIGIN);

let fixture: ReplicaFixture;
let acme: TestPeer;

beforeEach(async () => {
  fixture = await makeReplicas();
  acme = await fixture.addPeer('acme.example');
});

afterEach(() => fixture.end());

const readAll = async (replication: Replication): Promise<number[]> => {
  const [source] = replication.sources();
  const entries = (await source?.read(0n, 4096)) ?? [];
  return entries.map(({ index }) => Number(index));
};

describe('a replica', () => {
  test('holds the whole log, serves the same bytes, and cosigns what it holds', async () => {
    const replication = await fixture.open();
    for (const size of [0, 1, 300, 700]) {
      const log = await acme.serve(size);
      await awaitStatus(replication, ORIGIN, { held: BigInt(size), publishedSize: BigInt(size) });
      const body = await acme.web.awaitPosted((text) => text.includes(`\n${size}\n`));
      expect(body).toContain(`— ${fixture.mirrorName} `);
      const mirror = replication.mirror(HASH);
      const note = (await mirror.checkpoint()) ?? '';
      expect(openCheckpoint(note, parseVerifierKey(log.verifierKey)).checkpoint.size).toBe(BigInt(size));
      expect(parseNote(note).signatures.map(({ name }) => name)).toContain(fixture.mirrorName);
      for (const [path, bytes] of log.files) {
        const [, kind, level, , partial] = /^tile\/(entries|(\d+))\/(\d+)(?:\.p\/(\d+))?$/.exec(path) ?? [];
        if (kind === undefined) continue;
        const id = { index: BigInt(/\/(\d{3})/.exec(path)?.[1] ?? 0), width: Number(partial ?? 256) };
        const served =
          level === undefined ? await mirror.bundle(id) : await mirror.tile({ ...id, level: Number(level) });
        expect(Buffer.from(served ?? []).equals(bytes), path).toBe(true);
      }
    }
    expect(await readAll(replication)).toEqual(Array.from({ length: 700 }, (_, index) => index));
  });

  test('says when there is more to read', async () => {
    await acme.serve(1);
    const replication = await fixture.open();
    await awaitStatus(replication, ORIGIN, { publishedSize: 1n });
    const heard = Promise.withResolvers<undefined>();
    replication.sources()[0]?.subscribe(() => {
      heard.resolve(undefined);
    });
    await acme.serve(2);
    await heard.promise;
    expect(await readAll(replication)).toEqual([0, 1]);
  });

  test('holds and cosigns what is signed before it is published, and shows consumers what is published', async () => {
    const signed = await acme.serve(400);
    const published = await acme.serve(300);
    for (const [path, bytes] of signed.files) acme.web.files.set(`/log/public/${path}`, bytes);
    acme.web.files.set('/log/public/signed', signed.files.get('checkpoint') ?? Buffer.alloc(0));
    acme.web.files.set('/log/public/checkpoint', published.files.get('checkpoint') ?? Buffer.alloc(0));
    const replication = await fixture.open();
    await awaitStatus(replication, ORIGIN, { mirroredSize: 400n, publishedSize: 300n });
    await acme.web.awaitPosted((text) => text.includes('\n400\n'));
    expect((await readAll(replication)).at(-1)).toBe(299);
  });

  test('is followed by one gateway at a time', async () => {
    await acme.serve(600);
    const first = await fixture.open();
    const second = await fixture.open();
    await awaitStatus(first, ORIGIN, { publishedSize: 600n });
    expect((await second.status())[0]).toMatchObject({ publishedSize: 600n });
    expect(await readAll(second)).toHaveLength(600);
  });
});
