import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openFileTileStore } from '@dockchains/blobs';
import { findSignedFile, type LedgerFiles, readFileEntries } from '@dockchains/ledger';
import { type BuiltLog, buildLog } from '@dockchains/testing';
import { encodeBundle, entriesPath, parseOrigin, parseVerifierKey, tilePath } from '@dockchains/tlog';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { hashOrigin } from '../replication/replica.ts';
import { entriesOf, peerOf } from '../testing/replicas.ts';
import { serveWeb, type Web } from '../testing/web.ts';
import { findOwnHeads } from './own-heads.ts';
import { type EntriesRecovered, recoverEntries } from './recover-entries.ts';

const SIZE = 700;
const ORIGIN = parseOrigin('acme.example/ledger/public');
const MIRROR = `/mirror/${hashOrigin(ORIGIN)}`;
const WITNESS = `/witness/${hashOrigin(ORIGIN)}/checkpoint`;
const { privateKey } = generateKeyPairSync('ed25519');

// In this order they are asked.
const LIAR = 'globex.example';
const HONEST = 'initech.example';

let folder: string;
let files: LedgerFiles;
let webs: ReadonlyMap<string, Web>;
let log: BuiltLog;

const build = (size: number, history?: string, key = privateKey): Promise<BuiltLog> =>
  buildLog({ privateKey: key, entries: entriesOf('acme.example', size, history) });

const mirror = (organisation: string, { files: built }: BuiltLog): void => {
  const web = webs.get(organisation);
  for (const [path, bytes] of built) web?.files.set(`${MIRROR}/${path}`, bytes);
  const note = built.get('checkpoint') ?? Buffer.alloc(0);
  for (const path of [`${MIRROR}/signed`, `${MIRROR}/pending`, WITNESS]) web?.files.set(path, note);
};

const recover = async (): Promise<EntriesRecovered> => {
  const peers = [...webs].map(([organisation, { url }]) => peerOf(organisation, url, log.verifierKey));
  const heads = await findOwnHeads(peers, files);
  const recovered = await recoverEntries(files, heads);
  return { ...recovered, problems: [...heads.problems, ...recovered.problems] };
};

const entriesHere = async (): Promise<Buffer[]> => {
  const entries: Buffer[] = [];
  for await (const part of readFileEntries(files)) {
    for (const { index, entry } of part) {
      expect(index).toBe(BigInt(entries.length));
      entries.push(Buffer.from(entry));
    }
  }
  return entries;
};

const expectEntries = async (size: number): Promise<void> => {
  const wanted = entriesOf('acme.example', size).map((entry) => Buffer.from(entry));
  expect(await entriesHere()).toEqual(wanted);
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dockchains-recovery-'));
  webs = new Map([
    [LIAR, await serveWeb()],
    [HONEST, await serveWeb()],
  ]);
  log = await build(SIZE);
  mirror(LIAR, log);
  mirror(HONEST, log);
  const verifierKey = parseVerifierKey(log.verifierKey);
  files = { tiles: await openFileTileStore(folder), origin: ORIGIN, name: 'public', verifierKey };
});

afterEach(async () => {
  await Promise.all([...webs.values()].map((web) => web.close()));
  await rm(folder, { recursive: true });
});

describe('a tile store that was lost', () => {
  test('is filled from a mirror, tiles and all, and again is no harm', async () => {
    expect(await recover()).toMatchObject({ size: 700n, taken: 700n, from: LIAR, problems: [] });
    await expectEntries(SIZE);
    for (const path of [
      tilePath({ level: 0, index: 1n, width: 256 }),
      entriesPath({ index: 1n, width: 256 }),
    ]) {
      expect(await files.tiles.get(`log/public/${path}`)).toEqual(log.files.get(path));
    }
    expect(await findSignedFile(files)).toMatchObject({ size: 700n });
    expect(await recover()).toMatchObject({ size: 700n, taken: 0n, from: undefined });
  });

  test('goes on where it was interrupted, and does not open before it is whole', async () => {
    for (const web of webs.values()) web.files.delete(`${MIRROR}/tile/entries/001`);
    expect(await recover()).toMatchObject({ size: 0n, taken: 0n });
    expect(await findSignedFile(files)).toBeUndefined();
    mirror(LIAR, log);
    const web = webs.get(LIAR);
    web?.requests.splice(0);
    expect(await recover()).toMatchObject({ size: 700n, taken: 444n, from: LIAR });
    expect(web?.requests).not.toContain(`${MIRROR}/tile/entries/000`);
    await expectEntries(SIZE);
  });

  test('is brought forward by a mirror that has more', async () => {
    mirror(LIAR, await build(300));
    mirror(HONEST, await build(300));
    expect(await recover()).toMatchObject({ size: 300n });
    mirror(HONEST, log);
    expect(await recover()).toMatchObject({ size: 700n, taken: 444n, from: HONEST });
    await expectEntries(SIZE);
  });

  test('has signed more than anybody holds: the files say so, so that the ledger stays frozen', async () => {
    const small = await build(600);
    mirror(LIAR, small);
    mirror(HONEST, small);
    webs.get(HONEST)?.files.set(WITNESS, log.files.get('checkpoint') ?? Buffer.alloc(0));
    expect(await recover()).toMatchObject({ size: 600n, signedSize: 700n });
    expect(await findSignedFile(files)).toMatchObject({ size: 700n });
  });
});

describe('a mirror that lies is passed over for the next', () => {
  const flipped = (file: Buffer | undefined, at: number): Buffer => {
    const bytes = Buffer.from(file ?? []);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    return bytes;
  };
  test.each([
    {
      name: 'a bit flipped in a full bundle',
      path: 'tile/entries/000',
      lie: (file?: Buffer) => flipped(file, 40),
    },
    {
      name: 'a bit flipped in the partial bundle',
      path: 'tile/entries/002.p/188',
      lie: (file?: Buffer) => flipped(file, 40),
    },
    { name: 'a bit flipped in a tile', path: 'tile/1/000.p/2', lie: (file?: Buffer) => flipped(file, 33) },
    {
      name: 'a bundle cut short',
      path: 'tile/entries/001',
      lie: () => Buffer.from(encodeBundle(entriesOf('acme.example', 255))),
    },
    { name: 'another log’s bundle', path: 'tile/entries/000', lie: () => Buffer.from('no bundle') },
    { name: 'a bundle that is not there', path: 'tile/entries/001', lie: () => ({ status: 404 }) },
  ])('$name', async ({ path, lie }) => {
    const web = webs.get(LIAR);
    if (web !== undefined) {
      web.tamper = (asked, file) => (asked === `${MIRROR}/${path}` ? lie(file) : undefined);
    }
    expect(await recover()).toMatchObject({
      ...{ size: 700n, signedSize: 700n, from: HONEST },
      problems: [{ organisation: LIAR, code: 'REFUSED' }],
    });
    expect(web?.requests).toContain(`${MIRROR}/${path}`);
    await expectEntries(SIZE);
  });

  test('a longer log that somebody else signed', async () => {
    const { privateKey: other } = generateKeyPairSync('ed25519');
    mirror(LIAR, await build(SIZE + 1, 'true', other));
    const { problems, ...recovered } = await recover();
    expect(recovered).toMatchObject({ size: 700n, signedSize: 700n, from: HONEST });
    expect(problems.map(({ organisation, code }) => [organisation, code])).toContainEqual([LIAR, 'REFUSED']);
  });

  test('one that is away leaves open what it knows', async () => {
    const web = webs.get(LIAR);
    if (web !== undefined) web.tamper = () => ({ status: 503 });
    const { problems, ...recovered } = await recover();
    expect(recovered).toMatchObject({ size: 700n, from: HONEST });
    expect(problems[0]).toMatchObject({ organisation: LIAR, code: 'UNREACHABLE' });
  });
});

test('two histories by our own key: nothing is recovered', async () => {
  mirror(LIAR, await build(600, 'other'));
  await expect(recover()).rejects.toMatchObject({ code: 'CONTRADICTION' });
  expect(await findSignedFile(files)).toBeUndefined();
  mirror(LIAR, await build(SIZE, 'other'));
  await expect(recover()).rejects.toMatchObject({ code: 'CONTRADICTION' });
});
