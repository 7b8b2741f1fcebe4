import type { Queryable, Statement } from '@dockchains/database';
import type { Digest } from '@dockchains/oci';

/** How long content stays that nothing needs yet, or nothing needs any more; seconds. */
export const DEFAULT_LEASE_SECONDS = 3600;

/** When a lease that is given now is over. */
export function leaseUntil({ clock, leaseSeconds = DEFAULT_LEASE_SECONDS }: LeaseDeps): Date {
  return new Date(clock().getTime() + leaseSeconds * 1000);
}

type LeaseDeps = { readonly clock: () => Date; readonly leaseSeconds?: number };

/** What is kept for whom, and until when. */
export interface Lease {
  readonly repositoryId: number;
  readonly digest: Digest;
  readonly until: Date;
}

const LEASE_ALL: Statement = {
  name: 'registry_extend_leases',
  text: `INSERT INTO blob_lease AS l (repository_id, digest, until)
         SELECT $1, digest, $3 FROM unnest($2::text[]) AS n (digest) ORDER BY digest
         ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until)`,
};

/**
 * Keeps contents of a repository, none of them named twice, from being collected, also what is yet to be placed in the store; a removal
 * that is under way is waited for.
 */
export async function leaseContents(
  target: Queryable,
  { repositoryId, digests, until }: Omit<Lease, 'digest'> & { readonly digests: readonly Digest[] },
): Promise<void> {
  await target.query(LEASE_ALL, [repositoryId, digests, until]);
}
