import { isDeepStrictEqual } from 'node:util';

import type { Database, Statement, Transaction } from '@dockchains/database';
import {
  type CertificateKey,
  createCertificateKey,
  type Descriptor,
  type KnownDescriptor,
  namedSigners,
  openCertificateKey,
  readKnownDescriptor,
  signDescriptor,
} from '@dockchains/identity';
import {
  findFormerCertificate,
  findKeptDescriptor,
  findRevokedKeys,
  keepDescriptor,
  KeyError,
  openCertificateFile,
} from '@dockchains/keys';
import type { Ledgers } from '@dockchains/ledger';

import { formerKeysBehind, isRevoked, keysByRole, recordKeyChanges } from './key-changes.ts';

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
  /** The newest one that there is; none is made. */
  findNewest(): Promise<SignedDescriptor | undefined>;
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
  const { database } = deps;
  let current: Promise<SignedDescriptor> | undefined;

  const make = async (): Promise<SignedDescriptor> => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const newest = await findNewest(deps);
      if (newest !== undefined && (await saysNow(deps, newest.known))) {
        return toSigned(newest);
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
    async findNewest() {
      const newest = await findNewest(deps);
      return newest && toSigned(newest);
    },
    async find(number) {
      const [row] = await database.query<Row>(FIND, [number]);
      return row?.envelope;
    },
    async renew() {
      if ((await findNewest(deps)) !== undefined) await get();
    },
  };
}

type Newest = { readonly envelope: string; readonly known: KnownDescriptor };

const toSigned = ({ envelope, known: { descriptor, fingerprint } }: Newest): SignedDescriptor => ({
  ...{ envelope, descriptor, fingerprint },
});

async function findNewest({ database, keysDirectory }: OwnDescriptorDeps): Promise<Newest | undefined> {
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

/** A certificate that was replaced has left its file under its fingerprint: OpenPGP need not be loaded to see it. */
async function saysNow({ keysDirectory, now }: OwnDescriptorDeps, known: KnownDescriptor): Promise<boolean> {
  const { keys, endpoints, formerKeys } = known.descriptor;
  if (!isDeepStrictEqual({ keys, endpoints }, now)) return false;
  if ((await findFormerCertificate(keysDirectory, known.fingerprint)) !== undefined) return false;
  const revoked = await findRevokedKeys(keysDirectory);
  return !formerKeys.some((former) => former.state === 'replaced' && isRevoked(revoked, former));
}

/** Signs and stores the descriptor behind `known`, unless another gateway was first. */
async function appendNext(deps: OwnDescriptorDeps, known: KnownDescriptor | undefined): Promise<void> {
  const { organisation, keysDirectory, now, ledgers, clock } = deps;
  const signers = await openSigners(deps, known);
  const { certificate, fingerprint } = signers.current;
  const revoked = await findRevokedKeys(keysDirectory);
  const descriptor: Descriptor = {
    organisation,
    number: (known?.descriptor.number ?? 0) + 1,
    previous: known?.hash ?? null,
    created: clock().toISOString(),
    certificate,
    ...now,
    formerKeys:
      known === undefined ? [] : formerKeysBehind(known, keysByRole(now.keys, fingerprint), revoked),
  };
  const envelope = await signDescriptor(descriptor, [...signers.former, signers.current]);
  const insert = (transaction: Transaction): Promise<Row[]> =>
    transaction.query<Row>(INSERT, [descriptor.number, envelope]);
  const inserted = await recordKeyChanges(deps, { known, envelope, fingerprint, insert });
  if (!inserted) return;
  ledgers.public.wake();
  ledgers.private.wake();
  // Behind the commit and before anybody else sees it: `get` has not returned yet.
  await keepDescriptor(keysDirectory, envelope);
}

type Signers = { readonly current: CertificateKey; readonly former: readonly CertificateKey[] };

/** The certificate, behind the one that it replaces: who pinned that one follows by its signature. @throws KeyError */
async function openSigners(
  { organisation, keysDirectory, clock }: OwnDescriptorDeps,
  known: KnownDescriptor | undefined,
): Promise<Signers> {
  const current = await openCertificateKey(
    await openCertificateFile(keysDirectory, {
      mayCreate: known === undefined,
      create: () => createCertificateKey(organisation, clock()),
    }),
  );
  if (known === undefined || known.fingerprint === current.fingerprint) return { current, former: [] };
  const former = await findFormerCertificate(keysDirectory, known.fingerprint);
  if (former === undefined) {
    throw new KeyError(
      'KEY_MISSING',
      `openpgp.asc is the certificate ${current.fingerprint}, and the last descriptor is by ${known.fingerprint}, whose file is not there: put openpgp-${known.fingerprint}.asc back from its backup. Nobody who pinned that one would follow without its signature.`,
    );
  }
  return { current, former: [await openCertificateKey(former)] };
}
