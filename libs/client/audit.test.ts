import {
  type BuiltLog,
  buildLog,
  type FileServer,
  flipBit,
  sealExample,
  serveFiles,
  tagSetRecord,
} from '@dockchains/testing';
import { encodeRecord, parseRecordId } from '@dockchains/records';
import { hashLeaf, parseOrigin, parsePolicy } from '@dockchains/tlog';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { auditLog } from './audit.ts';
import { type AuditState, encodeAuditState, parseAuditState } from './audit-state.ts';
import { openHttpLog } from './log.ts';

const SIZE = 10_000;
const LAST = 'tile/entries/039.p/16';

let pristine: BuiltLog;
let log: BuiltLog;
let server: FileServer;

beforeAll(async () => {
  pristine = await buildLog({ size: SIZE });
});
beforeEach(async () => {
  log = { ...pristine, files: new Map(pristine.files) };
  server = await serveFiles(log.files);
});
afterEach(async () => {
  await server.close();
});

async function audit(resume?: AuditState) {
  const progress: bigint[] = [];
  const states: AuditState[] = [];
  const result = await auditLog({
    reader: openHttpLog(fetch, server.url),
    policy: parsePolicy(log.policy),
    resume,
    onProgress: (checked) => progress.push(checked),
    onState: (state) => Promise.resolve(void states.push(state)),
  });
  return { result, progress, states };
}

/** Puts what another log serves in the place of what this one does. */
function replaceBy(other: BuiltLog): void {
  log.files.clear();
  for (const [path, file] of other.files) log.files.set(path, file);
}

describe('over HTTP', () => {
  test('finds ten thousand entries good, and tells how far it is', async () => {
    const { result, progress } = await audit();
    expect(result).toMatchObject({ status: 'good', audited: BigInt(SIZE) });
    expect(progress).toHaveLength(Math.floor(SIZE / 256));
  });

  test('finds an empty log good', async () => {
    replaceBy(await buildLog({ size: 0, privateKey: log.privateKey }));
    expect((await audit()).result).toMatchObject({ status: 'good', audited: 0n });
  });

  test.each([1, 255, 256, 257, 65_536 / 64])('finds a log of %d entries good', async (size) => {
    replaceBy(await buildLog({ size, privateKey: log.privateKey }));
    expect((await audit()).result).toMatchObject({ status: 'good', audited: BigInt(size) });
  });

  test('L6: takes the full files where the partial ones are gone', async () => {
    const grown = await buildLog({ size: SIZE + 512, privateKey: log.privateKey });
    for (const [path, file] of grown.files) if (!log.files.has(path)) log.files.set(path, file);
    const partial = [...log.files.keys()].filter(
      (path) => path.startsWith('tile/') && path.includes('039.p/16'),
    );
    for (const path of partial) log.files.delete(path);
    log.files.set('checkpoint', pristine.files.get('checkpoint') ?? Buffer.alloc(0));
    expect((await audit()).result).toMatchObject({ status: 'good' });
  });
});

test.each([
  { name: 'a hash of a full tile', path: 'tile/0/007', byte: 4000, code: 'BAD_TILE', byteOffset: 4000 },
  { name: 'a hash of the last tile', path: 'tile/0/039.p/16', byte: 0, code: 'BAD_TILE', byteOffset: 0 },
  { name: 'a hash of a tile above', path: 'tile/1/000.p/39', byte: 31, code: 'BAD_TILE', byteOffset: 31 },
  { name: 'an entry', path: 'tile/entries/012', byte: 100, code: 'BAD_BUNDLE', byteOffset: 0 },
  { name: 'an entry of the last bundle', path: LAST, byte: 50, code: 'BAD_BUNDLE', byteOffset: 0 },
  { name: 'the length of an entry', path: 'tile/entries/012', byte: 1, code: 'BAD_BUNDLE', byteOffset: 0 },
])('L6: names a flipped bit in $name', async ({ path, byte, code, byteOffset }) => {
  flipBit(log, path, { byte, bit: 7 });
  const { result } = await audit();
  expect(result).toMatchObject({ status: 'bad', finding: { code, path, byteOffset } });
});

test('names the entry in a bundle where the flipped bit is', async () => {
  const [first, second] = log.entries;
  const byteOffset = 2 + (first?.length ?? 0);
  flipBit(log, 'tile/entries/000', { byte: byteOffset + 2 + (second?.length ?? 0) - 1, bit: 0 });
  const { result } = await audit();
  expect(result).toMatchObject({ finding: { code: 'BAD_BUNDLE', path: 'tile/entries/000', byteOffset } });
});

test.each(['tile/0/003', 'tile/entries/003', 'tile/1/000.p/39'])(
  'names %s when it is missing',
  async (path) => {
    log.files.delete(path);
    expect((await audit()).result).toMatchObject({ status: 'bad', finding: { code: 'MISSING', path } });
  },
);

test.each(['tile/0/003', 'tile/entries/003'])('names %s when bytes follow it', async (path) => {
  log.files.set(path, Buffer.concat([log.files.get(path) ?? Buffer.alloc(0), Buffer.alloc(1)]));
  expect((await audit()).result).toMatchObject({ status: 'bad', finding: { path } });
});

test('L6: notices a root that was signed over other entries', async () => {
  const entries = [...pristine.entries.slice(0, -1), encodeRecord(tagSetRecord(77_777))];
  replaceBy(await buildLog({ entries, privateKey: log.privateKey }));
  log.files.set('checkpoint', pristine.files.get('checkpoint') ?? Buffer.alloc(0));
  expect((await audit()).result).toMatchObject({ status: 'bad', finding: { code: 'BAD_ROOT' } });
});

test.each([
  { name: 'text that is no record', entry: Buffer.from('{}') },
  { name: 'a record of another organisation', entry: encodeRecord(tagSetRecord(1, 'globex.example')) },
])('names $name', async ({ entry }) => {
  replaceBy(
    await buildLog({ entries: [...pristine.entries.slice(0, 3), entry], privateKey: log.privateKey }),
  );
  const byteOffset = pristine.entries.slice(0, 3).reduce((sum, { length }) => sum + 2 + length, 0);
  const finding = { code: 'BAD_RECORD', path: 'tile/entries/000.p/4', byteOffset };
  expect((await audit()).result).toMatchObject({ status: 'bad', finding });
});

test('refuses a checkpoint of a key that the policy does not name', async () => {
  replaceBy(await buildLog({ size: 3 }));
  expect((await audit()).result).toMatchObject({ status: 'bad', finding: { code: 'BAD_CHECKPOINT' } });
});

describe('of a private ledger', () => {
  const sealed = sealExample({ ...tagSetRecord(1), repository: 'team/app' });
  const scopeClosed = encodeRecord({
    kind: 'scope-closed',
    organisation: 'acme.example',
    recordId: parseRecordId('0'.repeat(32)),
    time: '2026-01-01T00:00:00.000Z',
    scopeId: '1'.repeat(32),
    label: '2'.repeat(64),
    count: 1,
    lastIndex: '0',
  });

  test('sealed entries and the records of scopes are good', async () => {
    log = await buildLog({ name: 'private', entries: [sealed.entry, scopeClosed] });
    const reader = await readerOf(log);
    expect(await auditLog({ reader, policy: parsePolicy(log.policy) })).toMatchObject({ status: 'good' });
  });

  test.each<{ name: string; ledger: 'public' | 'private'; entry: () => Uint8Array }>([
    {
      name: 'a record in the clear',
      ledger: 'private',
      entry: () => encodeRecord(tagSetRecord(1)),
    },
    { name: 'a sealed record in a public one', ledger: 'public', entry: () => sealed.entry },
    {
      name: 'a malformed sealed record',
      ledger: 'private',
      entry: () => Buffer.from(Buffer.from(sealed.entry).toString().replace('"v":1', '"v":2')),
    },
  ])('$name is not', async ({ ledger, entry }) => {
    log = await buildLog({ name: ledger, entries: [entry()] });
    const reader = await readerOf(log);
    expect(await auditLog({ reader, policy: parsePolicy(log.policy) })).toMatchObject({
      status: 'bad',
      finding: { code: 'BAD_RECORD', byteOffset: 0 },
    });
  });

  async function readerOf(built: BuiltLog) {
    await server.close();
    server = await serveFiles(built.files);
    return openHttpLog(fetch, server.url);
  }
});

describe('goes on from an earlier audit', () => {
  async function firstState(size: number): Promise<AuditState> {
    replaceBy(await buildLog({ size, privateKey: log.privateKey }));
    const { result } = await audit();
    if (result.status !== 'good') throw new Error(result.finding.message);
    return parseAuditState(encodeAuditState(result.state));
  }

  test.each([0, 256, 700, 5000, SIZE])('of %d entries, fetching only what is new', async (size) => {
    const state = await firstState(size);
    const before = server.requests.length;
    replaceBy(pristine);
    const { result } = await audit(state);
    expect(result).toMatchObject({ status: 'good', audited: BigInt(SIZE) - state.size });
    const bundles = server.requests.slice(before).filter((path) => path.startsWith('tile/entries/'));
    expect(bundles).toHaveLength(Math.ceil((SIZE - Number(state.size)) / 256));
  });

  test('hands out states on the way that lead to the same end', async () => {
    const big = await buildLog({ size: 2 * 64 * 256 + 3, privateKey: log.privateKey });
    replaceBy(big);
    const { result, states } = await audit();
    expect(states.map(({ size }) => size)).toEqual([16_384n, 32_768n]);
    const resumed = await audit(states[0]);
    expect(resumed.result).toMatchObject({ status: 'good', state: 'state' in result && result.state });
  });

  test('and keeps the earlier checkpoint in its states until it has come so far', async () => {
    const checkpoint = { size: 16_684n, root: new Uint8Array(32) };
    replaceBy(await buildLog({ size: 17_000, privateKey: log.privateKey }));
    const { result, states } = await audit({ ...emptyState(), checkpoint });
    expect(states).toMatchObject([{ size: 16_384n, checkpoint }]);
    expect(result).toMatchObject({ status: 'bad', finding: { code: 'FORKED' } });
  });

  test.each([600, 512])('and notices that an entry below %d was replaced since', async (size) => {
    const state = await firstState(size);
    const entries = pristine.entries.map((entry, i) =>
      i === 590 || i === 510 ? encodeRecord(tagSetRecord(99_999)) : entry,
    );
    replaceBy(await buildLog({ entries, privateKey: log.privateKey }));
    const { result } = await audit(size === 512 ? { ...state, size: 0n, frontier: [], tails: [] } : state);
    expect(result).toMatchObject({ status: 'bad', finding: { code: 'FORKED' } });
  });

  test('and notices that entries were withdrawn', async () => {
    const state = await firstState(5000);
    await firstState(4000);
    expect((await audit(state)).result).toMatchObject({ status: 'bad', finding: { code: 'ROLLED_BACK' } });
  });

  test.each([
    '',
    '{}',
    '{"version":2}',
    encodeAuditState({
      ...emptyState(),
      size: 3n,
      frontier: [hashLeaf(Buffer.alloc(0)), hashLeaf(Buffer.alloc(1))],
    }),
  ])('but not from a file that is no state: %#', (text) => {
    expect(() => parseAuditState(text)).toThrow(expect.objectContaining({ code: 'REJECTED' }));
  });
});

function emptyState(): AuditState {
  return {
    origin: parseOrigin('acme.example/ledger/public'),
    size: 0n,
    frontier: [],
    tails: [],
    checkpoint: { size: 0n, root: Buffer.alloc(32) },
  };
}
