import { readdir } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';

import { type Database, openDatabase } from '@dockchains/database';
import { buildImage, type BuiltManifest, startGateway, type TestGateway } from '@dockchains/testing';
import { expect, vi } from 'vitest';

import { sendRaw } from '../../raw-http.ts';

/** What a gateway answered, its body read. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** A request; `token` is the publisher's unless it says otherwise, null sends none. */
export interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  readonly token?: string | null;
}

/** A gateway with one image at `REPOSITORY:1.0`, to which nothing that is refused may add anything. */
export interface World {
  readonly gateway: TestGateway;
  readonly image: BuiltManifest;
  /** Sends a path as it is written: not normalised, not encoded. */
  readonly call: (method: string, path: string, sent?: Sent) => Promise<Answer>;
  /** Begins an upload to the repository and gives its path. */
  readonly beginUpload: (query?: string) => Promise<string>;
  /** Every table's rows, and every file of the store. */
  readonly snapshot: () => Promise<Snapshot>;
  readonly close: () => Promise<void>;
}

/** Rows by table: how many, and a hash of what they say; and the paths of the store's files. */
export interface Snapshot {
  readonly rows: Readonly<Record<string, string>>;
  readonly files: readonly string[];
}

/** The repository that the rules are about. */
export const REPOSITORY = 'public/app';

const PUBLISH_MS = 60_000;

/** Starts the gateway, pushes the image, and waits until its records are published. */
export async function openWorld(): Promise<World> {
  const gateway = await startGateway();
  const database = openDatabase(gateway.databaseUrl);
  const image = buildImage();
  const scope = 'pull,push,delete';
  const token = await gateway.token(
    gateway.publisher,
    `repository:${REPOSITORY}:${scope}`,
    `repository:public/other:${scope}`,
    'registry:catalog:*',
  );
  const call: World['call'] = (method, path, sent = {}) => send(gateway, token, { method, path, ...sent });

  for (const { bytes, descriptor } of image.blobs) {
    const path = `/v2/${REPOSITORY}/blobs/uploads/?digest=${descriptor.digest}`;
    expect((await call('POST', path, { body: bytes })).status).toBe(201);
  }
  const headers = { 'content-type': image.descriptor.mediaType };
  const put = await call('PUT', `/v2/${REPOSITORY}/manifests/1.0`, { body: image.bytes, headers });
  expect(put.status).toBe(201);
  const tables = await listTables(database);
  const isPending = async (): Promise<boolean> =>
    (await snapshotOf(database, ['ledger_queue', 'ledger_batch'])).some(
      ([, state]) => !state.startsWith('0 '),
    );
  await vi.waitUntil(async () => !(await isPending()), { timeout: PUBLISH_MS });
  // The catalog follows what was published by itself.
  const followed = {
    name: 'test_find_followed',
    text: 'SELECT origin FROM catalog_position WHERE next >= 2',
  };
  await vi.waitUntil(async () => (await database.query(followed)).length > 0, { timeout: PUBLISH_MS });

  return {
    ...{ gateway, image, call },
    async beginUpload(query = '') {
      const { status, headers } = await call('POST', `/v2/${REPOSITORY}/blobs/uploads/${query}`);
      expect(status).toBe(202);
      return headers.location ?? '';
    },
    async snapshot() {
      const rows = await snapshotOf(database, tables);
      return { rows: Object.fromEntries(rows), files: await listFiles(join(gateway.dataDir, 'blobs')) };
    },
    async close() {
      await database.close();
      await gateway.close();
    },
  };
}

async function send(
  { host }: TestGateway,
  defaultToken: string,
  { token = defaultToken, ...sent }: Sent & { method: string; path: string },
): Promise<Answer> {
  const { response, status, body } = await sendRaw(host, { ...sent, token: token ?? undefined });
  return { status, headers: response.headers, body };
}

// A refused request may leave its session's row as the specification says: only what other rows say is compared.
const COUNTED_ONLY: readonly string[] = ['upload'];

async function listTables(database: Database): Promise<readonly string[]> {
  const text = `SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`;
  const rows = await database.query<{ tablename: string }>({ name: 'test_list_tables', text });
  return rows.map(({ tablename }) => tablename);
}

async function snapshotOf(
  database: Database,
  tables: readonly string[],
): Promise<[table: string, state: string][]> {
  const selects = tables.map((table) => {
    const hash = COUNTED_ONLY.includes(table)
      ? `''`
      : `COALESCE(md5(string_agg(t::text, ',' ORDER BY t::text)), '')`;
    return `SELECT '${table}' AS name, count(*)::text || ' ' || ${hash} AS state FROM "${table}" t`;
  });
  const rows = await database.query<{ name: string; state: string }>({
    name: `test_snapshot_${tables.length}`,
    text: selects.join(' UNION ALL '),
  });
  return rows.map(({ name, state }) => [name, state]);
}

async function listFiles(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length))
    .sort();
}
