import { isDeepStrictEqual } from 'node:util';

import type { Database, Statement, Transaction } from '@dockchains/database';
import {
  createCertificateKey,
  type Descriptor,
  type KnownDescriptor,
  namedSigners,
  openCertificateKey,
  readKnownDescriptor,
  signDescriptor,
} from '@dockchains/identity';
import { findKeptDescriptor, keepDescriptor, openCertificateFile } from '@dockchains/keys';
import type { Ledgers } from '@dockchains/ledger';

import { formerKeysBehind, recordKeyChanges } from './key-changes.ts';

/** What the organisation's newest descriptor says, and the signed envelope in which it says so. */
export type SignedDescriptor = {
  readonly envelope: string;
  readonly descriptor: Descriptor;
  /** Of the certificate: 40 hexadecimal digits, uppercase. */
  readonly fingerprint: string;
};

/** The organisation's own descriptor. */
export interface OwnDescriptor {
  /**
   * The newest one, made when there is none that says what holds now: with a new number, signed by the certificate and, where
   * a key is another, with records in the public ledger in the same transaction.
   * @throws KeyError, LedgerError FROZEN, BUSY
   */
  get(): Promise<SignedDescriptor>;
  /** The one of this number. */
  find(number: number): Promise<string | undefined>;
  /** As `get`, where one was made before: the first is made when somebody asks for it. */
  renew(): Promise<void>;
}

/** What the organisation's own descriptor stands on. */
export type OwnDescriptorDeps = {
  readonly database: Database;
  readonly organisation: string;
  readonly keysDirectory: string;
  /** The keys that act and the addresses that answer now. */
  readonly now: Pick<Descriptor, 'keys' | 'endpoints'>;
  /** Changes of keys are recorded in the public one; that of a private log's key also in that log, whose head is signed anew with it. */
  readonly ledgers: Pick<Ledgers, 'public' | 'private'>;
  readonly clock: () => Date;
  readonly randomBytes: (length: number) => Buffer;
};

type Row = { readonly number: number; readonly envelope: string };

const NEWEST: Statement = {
  name: 'federation_newest_descriptor',
  text: 'SELECT number, envelope FROM descriptor ORDER BY number DESC LIMIT 1',
};
const FIND: Statement = {
  name: 'federation_find_descriptor',
  text: 'SELECT number, envelope FROM descriptor WHERE number = $1',
};
const INSERT: Statement = {
  name: 'federation_insert_descriptor',
  text: 'INSERT INTO descriptor (number, envelope) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING number, envelope',
};

// Each round lost is one that another gateway won; they write what is almost always the same.
const ROUNDS = 20;

/** Opens the organisation's own descriptor. Nothing is made before it is asked for. */
export function createOwnDescriptor(deps: OwnDescriptorDeps): OwnDescriptor {
  const { database, now } = deps;
  let current: Promise<SignedDescriptor> | undefined;

  const make = async (): Promise<SignedDescriptor> => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const newest = await findNewest(deps);
      if (newest !== undefined && saysNow(newest.known.descriptor, now)) {
        const { envelope, known } = newest;
        return { envelope, descriptor: known.descriptor, fingerprint: known.fingerprint };
      }
      await appendNext(deps, newest?.known);
    }
    throw new Error(
      'Gateways of one organisation sign descriptors in turn, each with other keys or addresses.',
    );
  };
  // Keys and addresses of a running gateway stay; another gateway's newer descriptor is read with the next start.
  const get = (): Promise<SignedDescriptor> => {
    current ??= make();
    current.catch(() => (current = undefined));
    return current;
  };

  return {
    get,
    async find(number) {
      const [row] = await database.query<Row>(FIND, [number]);
      return row?.envelope;
    },
    async renew() {
      if ((await findNewest(deps)) !== undefined) await get();
    },
  };
}

async function findNewest({
  database,
  keysDirectory,
}: OwnDescriptorDeps): Promise<{ envelope: string; known: KnownDescriptor } | undefined> {
  const [row] = await database.query<Row>(NEWEST);
  const kept = await findKeptDescriptor(keysDirectory);
  const keptKnown = kept === undefined ? undefined : readOwn(kept);
  if (kept !== undefined && keptKnown !== undefined && keptKnown.descriptor.number > (row?.number ?? 0)) {
    // The database was put back to before this one: it has left already, and stands.
    await database.query(INSERT, [keptKnown.descriptor.number, kept]);
    return { envelope: kept, known: keptKnown };
  }
  return row === undefined ? undefined : { envelope: row.envelope, known: readOwn(row.envelope) };
}

/** It was signed here, last by the certificate that it names. */
function readOwn(envelope: string): KnownDescriptor {
  return readKnownDescriptor(envelope, namedSigners(envelope).at(-1) ?? '');
}

function saysNow({ keys, endpoints }: Descriptor, now: OwnDescriptorDeps['now']): boolean {
  return isDeepStrictEqual({ keys, endpoints }, now);
}

/** Signs and stores the descriptor behind `known`, unless another gateway was first. */
async function appendNext(deps: OwnDescriptorDeps, known: KnownDescriptor | undefined): Promise<void> {
  const { organisation, keysDirectory, now, ledgers, clock } = deps;
  const certificate = await openCertificateKey(
    await openCertificateFile(keysDirectory, {
      mayCreate: known === undefined,
      create: () => createCertificateKey(organisation, clock()),
    }),
  );
  const descriptor: Descriptor = {
    organisation,
    number: (known?.descriptor.number ?? 0) + 1,
    previous: known?.hash ?? null,
    created: clock().toISOString(),
    certificate: certificate.certificate,
    ...now,
    formerKeys: known === undefined ? [] : formerKeysBehind(known.descriptor, now.keys),
  };
  const envelope = await signDescriptor(descriptor, [certificate]);
  const insert = (transaction: Transaction): Promise<Row[]> =>
    transaction.query<Row>(INSERT, [descriptor.number, envelope]);
  const inserted = await recordKeyChanges(deps, { known: known?.descriptor, envelope, insert });
  if (!inserted) return;
  ledgers.public.wake();
  ledgers.private.wake();
  // Behind the commit and before anybody else sees it: `get` has not returned yet.
  await keepDescriptor(keysDirectory, envelope);
}
