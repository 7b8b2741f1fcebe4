import { createHash } from 'node:crypto';

import type { Transaction } from '@dockchains/database';
import {
  type CertifiedRole,
  type Descriptor,
  type FormerKey,
  type KnownDescriptor,
  readKnownDescriptor,
} from '@dockchains/identity';
import type { RevokedKey } from '@dockchains/keys';
import { type LedgerRecord, parseRecordId, type RecordId } from '@dockchains/records';

import type { OwnDescriptorDeps } from './own-descriptor.ts';

type Keys = Descriptor['keys'];

const MAX_FORMER_KEYS = 64;
const RECORD_ID_BYTES = 16;

/** The keys of a descriptor by role, each as the descriptor writes it (a JWK as JSON); the certificate by its fingerprint. */
export function keysByRole(
  { logs, witness, mirror, message, nats, receipt, sealing }: Keys,
  fingerprint: string,
): ReadonlyMap<CertifiedRole, string> {
  return new Map<CertifiedRole, string>([
    ['log-public', logs.public],
    ['log-private', logs.private],
    ['witness', witness],
    ['mirror', mirror],
    ['message', message],
    ['nats', nats],
    ['receipt', JSON.stringify(receipt)],
    ['sealing', sealing],
    ['openpgp', fingerprint],
  ]);
}

/** Whether a key is among those that an operator has revoked. */
export function isRevoked(revoked: readonly RevokedKey[], one: RevokedKey): boolean {
  return revoked.some(({ role, key }) => role === one.role && key === one.key);
}

/** The former keys of the descriptor that follows `known`, with the keys that act now: what is replaced now comes first. */
export function formerKeysBehind(
  { descriptor, fingerprint }: KnownDescriptor,
  next: ReadonlyMap<CertifiedRole, string>,
  revoked: readonly RevokedKey[],
): FormerKey[] {
  const replaced = [...keysByRole(descriptor.keys, fingerprint)].flatMap(([role, key]): FormerKey[] =>
    next.get(role) === key ? [] : [{ role, key, state: 'replaced' }],
  );
  // A key that acts again is no former one.
  const before = descriptor.formerKeys.filter(({ role, key }) => next.get(role) !== key);
  return [...replaced, ...before]
    .slice(0, MAX_FORMER_KEYS)
    .map((former) => (isRevoked(revoked, former) ? { ...former, state: 'revoked' } : former));
}

/** The id of the record that a descriptor, by the SHA-256 of its payload, made a key act: whoever has the descriptor finds it. */
export function keyRecordId(kind: string, descriptor: string, role: CertifiedRole, key: string): RecordId {
  const digest = createHash('sha256')
    .update(`dockchains/v1/${kind}\n${descriptor}\n${role}\n${key}`)
    .digest();
  return parseRecordId(digest.subarray(0, RECORD_ID_BYTES).toString('hex'));
}

type Change = {
  readonly known: KnownDescriptor | undefined;
  readonly envelope: string;
  /** Of the certificate that signs it. */
  readonly fingerprint: string;
  /** Writes the new descriptor; no rows if its number is taken. */
  readonly insert: (transaction: Transaction) => Promise<readonly object[]>;
};

/**
 * Writes a descriptor, and the records of what it changes, in one transaction. The first descriptor is not
 * recorded: what it names is what the ledger begins with. False if its number was taken.
 * @throws LedgerError FROZEN, BUSY
 */
export async function recordKeyChanges(
  { database, ledgers, clock }: OwnDescriptorDeps,
  { known, envelope, fingerprint, insert }: Change,
): Promise<boolean> {
  const records = recordsOf(known, readKnownDescriptor(envelope, fingerprint), clock().toISOString());
  const prepared = await ledgers.public.prepare(undefined, records);
  const ofPrivate = records.filter((record) => 'role' in record && record.role === 'log-private');
  const preparedPrivate = await ledgers.private.prepare(undefined, ofPrivate);
  return database.transaction(async (transaction) => {
    if ((await insert(transaction)).length === 0) return false;
    if (prepared.length > 0) await ledgers.public.append(transaction, prepared);
    if (preparedPrivate.length > 0) await ledgers.private.append(transaction, preparedPrivate);
    return true;
  });
}

function recordsOf(
  known: KnownDescriptor | undefined,
  { descriptor, hash, fingerprint }: KnownDescriptor,
  time: string,
): LedgerRecord[] {
  if (known === undefined) return [];
  const { organisation, number } = descriptor;
  const factsOf = (kind: 'key-added' | 'key-revoked', role: CertifiedRole, key: string) => ({
    ...{ organisation, time, number, descriptor: hash, role, key },
    recordId: keyRecordId(kind, hash, role, key),
  });
  const before = keysByRole(known.descriptor.keys, known.fingerprint);
  const standing = (former: FormerKey): boolean =>
    before.get(former.role) === former.key ||
    known.descriptor.formerKeys.some(
      ({ role, key, state }) => role === former.role && key === former.key && state === 'replaced',
    );
  const wasReplaced = (former: FormerKey): boolean => before.get(former.role) !== former.key;
  const added = [...keysByRole(descriptor.keys, fingerprint)].flatMap(([role, key]): LedgerRecord[] =>
    before.get(role) === key ? [] : [{ kind: 'key-added', ...factsOf('key-added', role, key) }],
  );
  const gone = descriptor.formerKeys.flatMap((former): LedgerRecord[] => {
    const { role, key, state } = former;
    const isSaid = !standing(former) || (state === 'replaced' && wasReplaced(former));
    return isSaid ? [] : [{ kind: 'key-revoked', ...factsOf('key-revoked', role, key), state }];
  });
  return [...added, ...gone];
}
