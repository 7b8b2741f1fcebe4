import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { openDatabase } from '@dockchains/database';
import {
  buildImage,
  type BuiltManifest,
  makePeers,
  startGateway,
  type TestGateway,
} from '@dockchains/testing';
import { expect, vi } from 'vitest';

import { type AcknowledgedPush, pushImage } from '../faults/pusher.ts';
import { ask } from '../graphql/session.ts';

/** What `recover --json` printed, and how it ended. */
export type Recovered = {
  readonly exitCode: number | null;
  readonly stderr: string;
  readonly report: Report | undefined;
};

/** The report of `recover`, as far as tests read it. */
export type Report = {
  readonly whole: boolean;
  readonly ledgers: readonly {
    readonly origin: string;
    readonly size: string;
    readonly taken: string;
    readonly from?: string;
    readonly lost: string;
    readonly successor?: string;
  }[];
  readonly manifests: { readonly fetched: number; readonly missing: readonly { readonly digest: string }[] };
  readonly blobs: {
    readonly fetched: number;
    readonly missing: readonly object[];
    readonly missingPrivate: number;
  };
  readonly missingPrivateManifests: number;
  readonly receipts?: { readonly checked: number; readonly lost: readonly { readonly recordId: string }[] };
};

/** acme with its tiles on a disk of their own, and two organisations that witness and mirror it. */
export type RecoverWorld = {
  readonly acme: TestGateway;
  readonly others: readonly TestGateway[];
  /** Makes repositories of `team/` private. */
  allowPrivate(): Promise<void>;
  push(repository: string, tag: string, image?: BuiltManifest): Promise<AcknowledgedPush>;
  /** Sets so many more tags to what was pushed, 100 at once. */
  tagMore(repository: string, count: number, push: AcknowledgedPush | undefined): Promise<void>;
  /** Waits until both others have these pushes, and one has the blobs of these pushes. */
  mirrored(pushes: readonly AcknowledgedPush[]): Promise<void>;
  /** Waits until acme has signed all that it acknowledged, published or not. */
  signed(): Promise<void>;
  /** Kills acme and takes away its database and blobs, and with `tiles` its staging too. */
  destroy(options: { readonly tiles: boolean }): Promise<void>;
  /** Keeps what the others' mirrors hold now. */
  keepMirrors(): Promise<void>;
  /** Puts the others, which are stopped, back to that, but for what their witnesses have cosigned. */
  putMirrorsBack(): Promise<void>;
  recover(...args: readonly string[]): Promise<Recovered>;
  /** Kills it with SIGKILL as soon as its log says this. */
  interrupt(event: string, ...args: readonly string[]): Promise<void>;
  /** Writes receipts to a file; gives its path. */
  keepReceipts(pushes: readonly AcknowledgedPush[]): Promise<string>;
  close(): Promise<void>;
};

const AGREE = { timeout: 60_000, interval: 50 };
const PARALLEL = 10;
const COUNT_UNSIGNED = {
  name: 'test-unsigned',
  text: `SELECT (SELECT count(*) FROM ledger_queue) + (SELECT sum(l.size - s.size) FROM ledger l
           JOIN signed_head s ON s.ledger_id = l.id)::bigint AS unsigned`,
};
const KEEP_MIRRORS = [
  'CREATE TABLE kept_replica AS TABLE replica',
  'CREATE TABLE kept_entry AS TABLE replica_entry',
];
const COLUMNS =
  'next, frontier, tails, pending_note, mirrored_size, mirrored_note, cosignature, published_size, published_note';
const PUT_MIRRORS_BACK = [
  'DELETE FROM replica_entry',
  `UPDATE replica r SET (${COLUMNS}) = (SELECT ${COLUMNS} FROM kept_replica k WHERE k.id = r.id)`,
  'INSERT INTO replica_entry SELECT * FROM kept_entry',
];
const BOTH = ['globex.example', 'initech.example'];

/** Starts them. */
export async function startRecoverWorld(): Promise<RecoverWorld> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-recover-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const tiles = join(folder, 'tiles-disk');
  const [acme, ...others] = await Promise.all([
    startGateway({ env: { DOCKCHAINS_TILES: tiles } }),
    ...BOTH.map((organisation) => startGateway({ organisation })),
  ]);
  for (const gateway of [acme, ...others]) cleanup.defer(() => gateway.close());
  await makePeers(acme, ...others);
  const allowPrivate = async (): Promise<void> => {
    const token = await acme.token(acme.operator, 'repository:**:admin');
    const rule = 'mutation { setNamespaceRule(pattern: "team/**", visibility: PRIVATE) { pattern } }';
    expect((await ask(acme, rule, { token })).codes).toEqual([]);
  };
  await allowPrivate();

  // As clients do: a password takes long to check. A database that was lost has other accounts.
  const tokens = new Map<string, Promise<string>>();
  const all = cleanup.move();
  return {
    ...{ acme, others, allowPrivate },
    async push(repository, tag, image = buildImage({ annotations: { tag } })) {
      const token = tokens.get(repository) ?? acme.token(acme.operator, `repository:${repository}:pull,push`);
      tokens.set(repository, token);
      return pushImage(acme.url, await token, repository, tag, image);
    },
    async tagMore(repository, count, push) {
      const token = await tokens.get(repository);
      if (push === undefined || token === undefined) throw new Error('Push an image to it first.');
      const { bytes, descriptor } = push.image;
      for (let first = 0; first < count; first += 100) {
        const tags = Array.from({ length: 100 }, (_, n) => `tag=more-${first + n}`).join('&');
        const url = `${acme.url}/v2/${repository}/manifests/${descriptor.digest}?${tags}`;
        const headers = { authorization: `Bearer ${token}`, 'content-type': descriptor.mediaType };
        const answer = await fetch(url, { method: 'PUT', headers, body: new Uint8Array(bytes) });
        expect(answer.status).toBe(201);
      }
    },
    async mirrored(pushes) {
      for (let first = 0; first < pushes.length; first += PARALLEL) {
        await Promise.all(pushes.slice(first, first + PARALLEL).map((push) => awaitMirrored(others, push)));
      }
    },
    async signed() {
      const database = openDatabase(acme.databaseUrl);
      await vi.waitFor(async () => {
        const [row] = await database.query<{ unsigned: bigint }>(COUNT_UNSIGNED);
        expect(row?.unsigned).toBe(0n);
      }, AGREE);
      await database.close();
    },
    async destroy(gone) {
      tokens.clear();
      await acme.kill9();
      await destroyDatabase(acme.databaseUrl);
      await rm(join(acme.dataDir, 'blobs'), { recursive: true });
      if (gone.tiles) await rm(tiles, { recursive: true });
    },
    keepMirrors: () => onEach(others, KEEP_MIRRORS),
    putMirrorsBack: () => onEach(others, PUT_MIRRORS_BACK),
    async recover(...args) {
      const child = acme.spawn('recover', '--json', ...args);
      if (child.stdout === null || child.stderr === null) throw new Error('The command has no output.');
      const [stdout, stderr] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'exit'),
      ]);
      const report = stdout === '' ? undefined : (JSON.parse(stdout) as Report);
      return { exitCode: child.exitCode, stderr, report };
    },
    async interrupt(event, ...args) {
      const child = acme.spawn('recover', ...args);
      let printed = '';
      child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
        printed += chunk;
        if (printed.includes(event)) child.kill('SIGKILL');
      });
      await once(child, 'exit');
      expect(child.signalCode).toBe('SIGKILL');
    },
    async keepReceipts(pushes) {
      const path = join(folder, 'receipts');
      await writeFile(path, pushes.map(({ receipt }) => `${receipt}\n`).join(''));
      return path;
    },
    close: () => all.disposeAsync(),
  };
}

async function awaitMirrored(
  others: readonly TestGateway[],
  { repository, tag, image }: AcknowledgedPush,
): Promise<void> {
  for (const [n, { url }] of others.entries()) {
    const root = `${url}/v2/acme.example/${repository}`;
    await vi.waitFor(async () => {
      expect((await fetch(`${root}/manifests/${tag}`, { method: 'HEAD' })).status).toBe(200);
    }, AGREE);
    if (n > 0) continue; // one has blobs, which is enough
    for (const { descriptor } of image.blobs) {
      const blob = await fetch(`${root}/blobs/${descriptor.digest}`);
      expect((await blob.arrayBuffer()).byteLength).toBe(descriptor.size);
      // Who pulls has it before it is kept; a mirror that is asked by another gateway answers from what it keeps.
      await vi.waitFor(async () => {
        const headers = { 'dockchains-via': 'acme.example' };
        const kept = await fetch(`${root}/blobs/${descriptor.digest}`, { method: 'HEAD', headers });
        expect(kept.status).toBe(200);
      }, AGREE);
    }
  }
}

async function onEach(gateways: readonly TestGateway[], statements: readonly string[]): Promise<void> {
  for (const { databaseUrl } of gateways) {
    const database = openDatabase(databaseUrl);
    for (const [n, text] of statements.entries()) await database.query({ name: `test-mirrors-${n}`, text });
    await database.close();
  }
}

/** A server that was lost and set up anew: nothing is in the database. */
async function destroyDatabase(url: string): Promise<void> {
  const database = openDatabase(url);
  try {
    await database.query({ name: 'test-destroy', text: 'DROP SCHEMA public CASCADE' });
    await database.query({ name: 'test-create', text: 'CREATE SCHEMA public' });
  } finally {
    await database.close();
  }
}
