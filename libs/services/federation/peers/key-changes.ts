import type { Transaction } from '@dockchains/database';
import {
  type CertifiedRole,
  type Descriptor,
  type FormerKey,
  readKnownDescriptor,
} from '@dockchains/identity';
import { type LedgerRecord, parseRecordId } from '@dockchains/records';

import type { OwnDescriptorDeps } from './own-descriptor.ts';

type Keys = Descriptor['keys'];

const MAX_FORMER_KEYS = 64;
const RECORD_ID_BYTES = 16;

/** The keys of a descriptor by role, each as the descriptor writes it (a JWK as JSON). */
function keysByRole({
  logs,
  witness,
  mirror,
  message,
  nats,
  receipt,
}: Keys): ReadonlyMap<CertifiedRole, string> {
  return new Map<CertifiedRole, string>([
    ['log-public', logs.public],
    ['log-private', logs.private],
    ['witness', witness],
    ['mirror', mirror],
    ['message', message],
    ['nats', nats],
    ['receipt', JSON.stringify(receipt)],
  ]);
}

/** The former keys of the descriptor that follows `known` with `keys`: what is replaced now comes first. */
export function formerKeysBehind(known: Descriptor, keys: Keys): FormerKey[] {
  const next = keysByRole(keys);
  const replaced = [...keysByRole(known.keys)].flatMap(([role, key]): FormerKey[] =>
    next.get(role) === key ? [] : [{ role, key, state: 'replaced' }],
  );
  // A key that acts again is no former one.
  const before = known.formerKeys.filter(({ role, key }) => next.get(role) !== key);
  return [...replaced, ...before].slice(0, MAX_FORMER_KEYS);
}

type Change = {
  readonly known: Descriptor | undefined;
  readonly envelope: string;
  /** Writes the new descriptor; no rows if its number is taken. */
  readonly insert: (transaction: Transaction) => Promise<readonly object[]>;
};

/**
 * Writes a descriptor, and the records of what it changes, in one transaction. The first descriptor is not
 * recorded: what it names is what the ledger begins with. False if its number was taken.
 * @throws LedgerError FROZEN, BUSY
 */
export async function recordKeyChanges(
  { database, ledgers, clock, randomBytes }: OwnDescriptorDeps,
  { known, envelope, insert }: Change,
): Promise<boolean> {
  const { descriptor, hash } = readKnownDescriptor(envelope, '');
  const { organisation, number } = descriptor;
  const facts = { organisation, time: clock().toISOString(), number, descriptor: hash };
  const recordOf = (role: string, key: string) => ({
    ...{ ...facts, role, key, recordId: parseRecordId(randomBytes(RECORD_ID_BYTES).toString('hex')) },
  });
  const before = known === undefined ? undefined : keysByRole(known.keys);
  const recordsOf = ([role, key]: readonly [CertifiedRole, string]): LedgerRecord[] => {
    const old = before?.get(role);
    if (old === undefined || old === key) return [];
    return [
      { kind: 'key-added', ...recordOf(role, key) },
      { kind: 'key-revoked', ...recordOf(role, old), state: 'replaced' },
    ];
  };
  const keys = [...keysByRole(descriptor.keys)];
  const records = keys.flatMap(recordsOf);
  const ofPrivate = keys.filter(([role]) => role === 'log-private').flatMap(recordsOf);
  const prepared = await ledgers.public.prepare(undefined, records);
  const preparedPrivate = await ledgers.private.prepare(undefined, ofPrivate);
  return database.transaction(async (transaction) => {
    if ((await insert(transaction)).length === 0) return false;
    if (prepared.length > 0) await ledgers.public.append(transaction, prepared);
    if (preparedPrivate.length > 0) await ledgers.private.append(transaction, preparedPrivate);
    return true;
  });
}
