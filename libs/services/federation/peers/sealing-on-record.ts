import type { Database } from '@dockchains/database';
import { type KnownDescriptor, readKnownDescriptor } from '@dockchains/identity';
import type { Ledgers } from '@dockchains/ledger';

import { keyRecordId } from './key-changes.ts';

// More changes than this while one key waits to be published don't happen; what is older counts as published.
const MAX_DESCRIPTORS = 64;

const READ = {
  name: 'federation_read_descriptors',
  text: `SELECT envelope FROM descriptor ORDER BY number DESC LIMIT ${MAX_DESCRIPTORS}`,
};

/**
 * The sealing key, as a descriptor writes it, that the published public ledger says is the organisation's: the newest descriptor's once the
 * record of it is published, until then the one before. Undefined where no descriptor was ever signed.
 */
export async function findSealingOnRecord(
  database: Pick<Database, 'query'>,
  ledger: Pick<Ledgers['public'], 'findEntry' | 'publishedSize'>,
): Promise<string | undefined> {
  const rows = await database.query<{ envelope: string }>(READ);
  const known = rows.map(({ envelope }) => readKnownDescriptor(envelope, ''));
  const [newest] = known;
  if (newest === undefined) return undefined;
  const { sealing } = newest.descriptor.keys;
  const former = newest.descriptor.formerKeys.find(({ role }) => role === 'sealing');
  const adding = findAdding(known, sealing);
  if (former === undefined || adding === undefined) return sealing;
  const entry = await ledger.findEntry(keyRecordId('key-added', adding.hash, 'sealing', sealing));
  const isPublished = entry?.index !== undefined && entry.index < (await ledger.publishedSize());
  return isPublished ? sealing : former.key;
}

/** The descriptor, of these newest ones, that brought the key; undefined where the one before it is not among them. */
function findAdding(known: readonly KnownDescriptor[], sealing: string): KnownDescriptor | undefined {
  const before = known.findIndex(({ descriptor }) => descriptor.keys.sealing !== sealing);
  const adding = known[before - 1];
  const isNext = adding?.descriptor.number === (known[before]?.descriptor.number ?? 0) + 1;
  return isNext ? adding : undefined;
}
