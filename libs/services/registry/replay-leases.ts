import type { Statement, Transaction } from '@dockchains/database';
import type { Digest } from '@dockchains/oci';

// An hour, by the database's clock: other gateways' collection must not take now what a recovery is about to bring back.
const UNTIL = "now() + interval '1 hour'";
const KEEP_LONGER =
  'ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until)';

const LEASE: Statement = {
  name: 'registry_replay_lease',
  text: `INSERT INTO blob_lease AS l (repository_id, digest, until)
         SELECT $1, n.digest, ${UNTIL} FROM unnest($2::text[]) AS n (digest) ORDER BY n.digest ${KEEP_LONGER}`,
};
const LEASE_DELETED: Statement = {
  name: 'registry_replay_lease_deleted',
  text: `INSERT INTO blob_lease AS l (repository_id, digest, until)
         SELECT $1, n.digest, ${UNTIL} FROM (
           SELECT f.digest FROM manifest_reference f WHERE f.repository_id = $1 AND f.manifest_digest = $2
           UNION SELECT m.digest FROM manifest m WHERE m.repository_id = $1 AND m.digest = $2
         ) AS n ORDER BY n.digest ${KEEP_LONGER}`,
};

/** Keeps content that a replay is about to look for, and waits for a removal of it that is under way. */
export async function leaseReplayed(
  transaction: Transaction,
  repositoryId: number,
  digests: readonly Digest[],
): Promise<void> {
  await transaction.query(LEASE, [repositoryId, digests]);
}

/** Lets a manifest that a replay is about to delete, and what it needs, go to the collection in their time. */
export async function leaseDeleted(
  transaction: Transaction,
  repositoryId: number,
  digest: Digest,
): Promise<void> {
  await transaction.query(LEASE_DELETED, [repositoryId, digest]);
}
