import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { type Access, type Action, createAccess, type Principal } from '@dockchains/access';
import { type BlobStore, openFileBlobStore } from '@dockchains/blobs';
import { type Database, openDatabase, type Transaction } from '@dockchains/database';
import { gatherLedgers, type Ledger, LedgerError, type LedgerName } from '@dockchains/ledger';
import { parseManifestReference, parseRepositoryName } from '@dockchains/oci';
import { encodeRecord, type LedgerRecord, parseRecord } from '@dockchains/records';
import { type BuiltManifest, createTestDatabase } from '@dockchains/testing';
import { hashLeaf, parseOrigin } from '@dockchains/tlog';

import type { RegistryOptions } from '../deps.ts';
import type { PutResult } from '../put-manifest.ts';
import { createRegistry, type Registry } from '../registry.ts';

/** The repository of the tests that need one. */
export const REPOSITORY = parseRepositoryName('public/app');

const ACTIONS: readonly Action[] = ['pull', 'push', 'tag:create', 'tag:move', 'delete'];

/** What a test may set. */
interface Settings {
  /** May do all but administer in `public/**`. */
  principal: Principal;
  /** What the injected clock says; to be set by the test. */
  now: Date;
  /** Whether the ledger refuses records. */
  frozen: boolean;
  /** What is called with each statement's name before it is sent: where others come between. */
  beforeQuery: (statement: string) => Promise<void>;
}

/** A registry over a database and a blob store of its own, and a ledger that queues and goes no further. */
export interface RegistryFixture extends Settings {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly access: Access;
  readonly registry: Registry;
  /** Of which `registry` was made: another of them is another gateway on the same database and blob folder. */
  readonly options: RegistryOptions;
  readonly createPrincipal: (
    username: string,
    pattern: string,
    actions?: readonly Action[],
  ) => Promise<Principal>;
  readonly pushBlobs: (image: BuiltManifest) => Promise<void>;
  readonly put: (reference: string, image: PushedManifest, principal?: Principal) => Promise<PutResult>;
  readonly deleteManifest: (reference: string, principal?: Principal) => Promise<void>;
  /** The records in the public ledger's queue, or in that of the name, in order; it is empty then. */
  readonly takeQueue: (ledger?: string) => Promise<LedgerRecord[]>;
  readonly count: (table: Table) => Promise<number>;
  readonly close: () => Promise<void>;
}

type PushedManifest = BuiltManifest | BuiltManifest['manifests'][number];
type Table =
  | 'repository'
  | 'manifest'
  | 'tag'
  | 'upload'
  | 'blob'
  | 'blob_lease'
  | 'tag_event'
  | 'manifest_reference'
  | 'blob_removal'
  | 'repository_blob';

/** Opens a fixture; to be closed by the caller. */
export async function openRegistryFixture(): Promise<RegistryFixture> {
  const state: Settings = {
    ...{ principal: { id: undefined, scopes: [] }, now: new Date(), frozen: false },
    beforeQuery: () => Promise.resolve(),
  };
  const testDatabase = await createTestDatabase();
  const plain = openDatabase(testDatabase.url);
  const database: Database = Object.create(plain, {
    query: {
      value: async (...[statement, parameters]: Parameters<Database['query']>) => {
        await state.beforeQuery(statement.name);
        return plain.query(statement, parameters);
      },
    },
    transaction: {
      value: (work: (transaction: Transaction) => Promise<unknown>) =>
        plain.transaction((transaction) =>
          work({
            query: async (statement, parameters) => {
              await state.beforeQuery(statement.name);
              return transaction.query(statement, parameters);
            },
          }),
        ),
    },
  }) as Database;
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-registry-'));
  const blobs = await openFileBlobStore(folder);
  const organisation = 'acme.example';
  const clock = (): Date => state.now;
  const [tokenKey, receiptKey] = [
    generateKeyPairSync('ed25519').privateKey,
    generateKeyPairSync('ed25519').privateKey,
  ];
  const access = createAccess({ database, tokenKey, organisation, clock, publicUrl: 'http://127.0.0.1' });
  await access.setNamespaceRule('public/**', 'public');
  const open = (name: LedgerName) => openQueue(plain, name, () => state.frozen);
  const ledgers = gatherLedgers({ public: await open('public'), private: await open('private') });
  const options: RegistryOptions = {
    ...{ database, blobs, access, ledgers, receiptKey, organisation, clock, randomBytes },
  };
  const registry = createRegistry(options);
  const createPrincipal: RegistryFixture['createPrincipal'] = async (
    username,
    pattern,
    actions = ACTIONS,
  ) => {
    const policies = [{ pattern, actions }];
    // A robot, because a password takes a tenth of a second to hash.
    const { account } = await access.createRobot({ name: username, policies, validHours: 8_760 });
    return { id: account.id, scopes: [{ type: 'repository', name: '**', actions: [...ACTIONS, 'admin'] }] };
  };

  state.principal = await createPrincipal('publisher', 'public/**');

  return Object.assign(state, {
    ...{ database, blobs, access, registry, options, createPrincipal },

    async pushBlobs(image: BuiltManifest) {
      const place = { principal: state.principal, repository: REPOSITORY };
      for (const { bytes, descriptor } of image.blobs) {
        await registry.putBlob({ ...place, digest: descriptor.digest, source: Readable.from([bytes]) });
      }
    },
    put: (text: string, image: PushedManifest, principal = state.principal) => {
      const reference = parseManifestReference(text);
      const readBytes = () => Promise.resolve(image.bytes);
      return registry.putManifest({
        ...{ principal, repository: REPOSITORY, reference, readBytes },
        contentType: image.descriptor.mediaType,
      });
    },
    deleteManifest: (reference: string, principal = state.principal) =>
      registry.deleteManifest({
        ...{ principal, repository: REPOSITORY, reference: parseManifestReference(reference) },
      }),

    async takeQueue(ledger = 'public') {
      const rows = await plain.query<{ position: bigint; entry: Uint8Array }>(
        {
          name: 'test-take-queue',
          text: `DELETE FROM ledger_queue q USING ledger l WHERE l.id = q.ledger_id AND l.origin = $1
                 RETURNING q.position, q.entry`,
        },
        [`acme.example/ledger/${ledger}`],
      );
      return rows
        .sort((one, other) => Number(one.position - other.position))
        .map(({ entry }) => parseRecord(entry));
    },
    async count(table: Table) {
      const text = `SELECT count(*)::int AS rows FROM ${table}`;
      const [row] = await plain.query<{ rows: number }>({ name: `test-count-${table}`, text });
      return row?.rows ?? 0;
    },
    async close() {
      await plain.close();
      await testDatabase.drop();
      await rm(folder, { recursive: true });
    },
  } satisfies Omit<RegistryFixture, keyof Settings>);
}

/** A ledger that has a row and a queue, and no sequencer. */
async function openQueue(database: Database, name: LedgerName, isFrozen: () => boolean): Promise<Ledger> {
  const origin = parseOrigin(`acme.example/ledger/${name}`);
  const [row] = await database.query<{ id: number }>(
    {
      name: 'test-ledger',
      text: `INSERT INTO ledger (origin, root, frontier) VALUES ($1, $2, '') RETURNING id`,
    },
    [origin, randomBytes(32)],
  );
  const refuse = (): void => {
    if (isFrozen()) throw new LedgerError('FROZEN', 'The ledger is frozen.');
  };
  const queueParameters: Ledger['queueParameters'] = (prepared) => [
    ...[row?.id ?? 0, null],
    prepared.map(({ recordId }) => recordId),
    prepared.map(({ entry }) => entry),
    null,
  ];
  const ledger: Pick<
    Ledger,
    | 'origin'
    | 'name'
    | 'prepare'
    | 'queueParameters'
    | 'append'
    | 'endScope'
    | 'requireWritable'
    | 'wake'
    | 'findEntry'
  > = {
    origin,
    name,
    requireWritable: refuse,
    prepare: (_repository, records) =>
      new Promise((resolve) => {
        refuse();
        resolve(
          records.map((record) => {
            const entry = encodeRecord(record);
            return { recordId: record.recordId, entry, leafHash: hashLeaf(entry) };
          }),
        );
      }),
    queueParameters,
    append: async (transaction, prepared) => {
      const text = 'SELECT ledger_enqueue($1, $2, $3::text[], $4::bytea[], $5::bytea[])';
      await transaction.query({ name: 'test-enqueue', text }, queueParameters(prepared));
    },
    endScope: () => Promise.resolve(),
    wake: () => undefined,
    findEntry: () => Promise.resolve(undefined),
  };
  return ledger as Ledger;
}
