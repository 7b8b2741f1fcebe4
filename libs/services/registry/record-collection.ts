import type { Statement } from '@dockchains/database';

import type { RegistryDeps } from './deps.ts';
import { newRecordId } from './record-id.ts';

const READ: Statement = {
  name: 'registry_read_collection_tally',
  text: 'SELECT visibility, blobs, bytes FROM collection_tally ORDER BY visibility',
};
// Only what was read is recorded, once: who comes in between records more, or has recorded this.
const TAKE: Statement = {
  name: 'registry_take_collection_tally',
  text: `DELETE FROM collection_tally WHERE visibility = $1 AND blobs = $2 AND bytes = $3 RETURNING visibility`,
};

/**
 * Records what repositories let go of since it was recorded last: the public ones' in the public ledger and the others' in
 * their own, each a function of its own repositories alone. So the public record does not tell whether bytes are still
 * held by a repository that is hidden.
 * @throws LedgerError FROZEN, BUSY
 */
export async function recordCollection(deps: RegistryDeps, principalId: string | undefined): Promise<void> {
  const { database, ledgers, organisation, randomBytes, clock } = deps;
  const tallies = await database.query<{ visibility: string; blobs: bigint; bytes: bigint }>(READ);
  for (const { visibility, blobs, bytes } of tallies) {
    const ledger = ledgers.of(visibility);
    const prepared = await ledger.prepare(undefined, [
      {
        ...{ kind: 'collection-run', organisation, recordId: newRecordId(randomBytes) },
        ...(principalId !== undefined && { principal: principalId }),
        ...{ time: clock().toISOString(), blobs: Number(blobs), bytes: Number(bytes) },
      },
    ]);
    await database.transaction(async (transaction) => {
      const taken = await transaction.query(TAKE, [visibility, blobs, bytes]);
      if (taken.length > 0) await ledger.append(transaction, prepared);
    });
    ledger.wake();
  }
}
