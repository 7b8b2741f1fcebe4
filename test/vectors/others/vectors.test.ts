import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { migrate, openDatabase } from '@dockchains/database';
import { createTestDatabase } from '@dockchains/testing';
import {
  addSignatures,
  checkPolicy,
  computeTile,
  createCosigner,
  encodeBundle,
  encodeProofFile,
  entriesPath,
  hashLeaf,
  parseAddCheckpoint,
  parseBundle,
  parseCheckpoint,
  parseNote,
  parseOrigin,
  parsePolicy,
  parseProofFile,
  proveConsistency,
  proveInclusion,
  rootFromTiles,
  TILE_WIDTH,
  type TileReader,
  tilePath,
  tileRoot,
  verifyConsistency,
  verifyProofFile,
} from '@dockchains/tlog';
import { afterAll, describe, expect, test } from 'vitest';

import { askWitness } from '../../../libs/services/federation/witness/ask-witness.ts';
import { createWitness } from '../../../libs/services/federation/witness/witness.ts';

/** As record.ts writes it. */
interface Exchange {
  readonly request: string;
  readonly status: number;
  readonly contentType: string;
  readonly answer: string;
}

const FOLDER = import.meta.dirname;
const SIZE = 300;
const PROVED = 257;
const read = (path: string): Promise<Buffer> => readFile(join(FOLDER, path));
const policy = parsePolicy(await read('trust.policy'));
const [log] = policy.logs;
if (log === undefined) throw new Error('The policy names no log.');
const origin = parseOrigin(log.key.name);
const exchanges = JSON.parse((await read('exchanges.json')).toString()) as readonly Exchange[];
const readTile: TileReader = (tile) => read(`log/${tilePath(tile)}`);
const cleanup = new AsyncDisposableStack();
afterAll(() => cleanup.disposeAsync());

const readEntries = async (): Promise<Uint8Array[]> => {
  const bundles = [TILE_WIDTH, SIZE - TILE_WIDTH].map(async (width, index) =>
    parseBundle(await read(`log/${entriesPath({ index: BigInt(index), width })}`), width),
  );
  return (await Promise.all(bundles)).flat();
};
const published = async () => checkPolicy(parseNote(await read('log/checkpoint')), policy, origin);

describe('a log by Tessera', () => {
  test('has the tiles and the root that its entries have here', async () => {
    const entries = await readEntries();
    expect(Buffer.from(entries.at(-1) ?? []).toString()).toBe(`entry ${SIZE - 1}`);
    expect(Buffer.from(encodeBundle(entries.slice(0, TILE_WIDTH)))).toEqual(
      await read('log/tile/entries/000'),
    );
    const leaves = entries.map(hashLeaf);
    const first = computeTile(leaves.slice(0, TILE_WIDTH));
    expect(Buffer.from(first)).toEqual(await read('log/tile/0/000'));
    expect(Buffer.from(computeTile(leaves.slice(TILE_WIDTH)))).toEqual(await read('log/tile/0/001.p/44'));
    expect(Buffer.from(tileRoot(first))).toEqual(await read('log/tile/1/000.p/1'));
    const { checkpoint } = await published();
    expect(checkpoint.size).toBe(BigInt(SIZE));
    expect(await rootFromTiles(checkpoint.size, readTile)).toEqual(checkpoint.root);
  });

  test('is published with a cosignature of transparency-dev’s witness, over these very bytes', async () => {
    expect((await published()).witnesses).toEqual([
      { name: 'other', timestamp: expect.any(BigInt) as bigint },
    ]);
    const changed = (await read('log/checkpoint')).toString().replace(/^300$/m, '301');
    expect(() => checkPolicy(parseNote(changed), policy, origin)).toThrow(
      expect.objectContaining({ code: 'BAD_SIGNATURE' }),
    );
  });

  test('has the proof file here that Tessera’s client and formats make of it', async () => {
    const theirs = (await read(`entry-${PROVED}.tlog-proof`)).toString();
    const file = parseProofFile(theirs);
    const leaf = hashLeaf(Buffer.from(`entry ${PROVED}`));
    expect(verifyProofFile(file, policy, leaf).checkpoint.size).toBe(BigInt(SIZE));
    const hashes = await proveInclusion(BigInt(PROVED), BigInt(SIZE), readTile);
    expect(encodeProofFile({ ...file, hashes })).toBe(theirs);
    expect(() => verifyProofFile({ ...file, index: 256n }, policy, leaf)).toThrow(
      expect.objectContaining({ code: 'BAD_ROOT' }),
    );
  });
});

describe('add-checkpoint between Tessera and transparency-dev’s witness', () => {
  test('asks with the proofs that are made here, which lead from one tree to the next', async () => {
    const asked = exchanges
      .filter(({ status }) => status === 200)
      .map(({ request }) => parseAddCheckpoint(request));
    const roots = new Map<bigint, Uint8Array>();
    for (const { oldSize, proof, note } of asked) {
      const { size, root } = parseCheckpoint(parseNote(note).text);
      roots.set(size, root);
      const oldRoot = roots.get(oldSize);
      if (oldSize === 0n || oldRoot === undefined) continue;
      verifyConsistency({ oldSize, newSize: size, oldRoot, newRoot: root, proof });
      const wrong = { oldSize, newSize: size, oldRoot: root, newRoot: root, proof };
      expect(() => {
        verifyConsistency(wrong);
      }).toThrow(expect.objectContaining({ code: 'BAD_ROOT' }));
      if (size === BigInt(SIZE)) expect(await proveConsistency(oldSize, size, readTile)).toEqual(proof);
    }
    expect([...roots.keys()]).toEqual([0n, 3n, 10n, 300n]);
  });

  test('is answered with what a gateway understands', async () => {
    for (const { request, status, contentType, answer } of exchanges) {
      const ask = () => Promise.resolve({ status, contentType, body: Buffer.from(answer) });
      const reply = await askWitness(ask, { url: 'http://witness.example' }, parseAddCheckpoint(request));
      if (reply.kind === 'cosigned') {
        const { note } = parseAddCheckpoint(request);
        const accepted = checkPolicy(parseNote(addSignatures(note, reply.lines)), policy, origin);
        expect(accepted.witnesses).toHaveLength(1);
      } else if (reply.kind === 'size') expect(answer).toBe(`${reply.size}\n`);
      else
        expect(reply).toMatchObject({
          kind: 'failed',
          reason: expect.stringContaining(`it answered with status ${status}`) as unknown,
        });
    }
  });

  test('is answered alike by our witness', async () => {
    const testDatabase = await createTestDatabase();
    cleanup.defer(() => testDatabase.drop());
    await migrate(testDatabase.url);
    const database = openDatabase(testDatabase.url);
    cleanup.defer(() => database.close());
    const { privateKey } = generateKeyPairSync('ed25519');
    const witness = createWitness({
      ...{ database, cosigner: createCosigner({ name: 'witness.example/ours', privateKey }) },
      clock: () => new Date(),
      findLog: () => Promise.resolve({ keys: [log.key] }),
      refreshLog: () => Promise.resolve(false),
      fetchCheckpoint: () => Promise.reject(new Error('The log is not served.')),
      isFrozen: () => Promise.resolve(false),
      findHold: () => Promise.resolve(undefined),
      reportConflict: () => Promise.resolve(),
      suspect: () => Promise.resolve(),
    });
    const statuses: number[] = [];
    for (const { request, status, contentType, answer } of exchanges) {
      const ours = await witness.addCheckpoint(Buffer.from(request));
      statuses.push(ours.status);
      expect({ request, status: ours.status }).toEqual({ request, status });
      if (status === 409) expect(ours).toMatchObject({ contentType, body: answer });
      if (status === 200) expect(ours.body).toMatch(/^— witness\.example\/ours \S+\n$/);
    }
    expect(new Set(statuses)).toEqual(new Set([200, 409, 422, 400]));
  });
});
