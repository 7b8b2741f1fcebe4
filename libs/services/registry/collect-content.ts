import type { SetAside } from '@dockchains/blobs';
import type { Queryable, Statement } from '@dockchains/database';
import type { Digest, RepositoryName } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';

/** Content that a repository let go of; `size` in bytes, 0 if it never came to be there. */
export interface Released {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly size: number;
}

// Small, because a push may wait as long as a page takes.
const PAGE = 100;

const RELEASE: Statement = {
  name: 'registry_release_content',
  text: `SELECT repository, digest, size, released FROM release_content($1, ${PAGE})`,
};
const LIST_REMOVALS: Statement = {
  name: 'registry_list_removals',
  text: `SELECT digest FROM blob_removal WHERE digest > $1 ORDER BY digest LIMIT ${PAGE}`,
};
// As the trigger of blob_lease: no lease of the digest is given until the transaction ends.
const LOCK: Statement = {
  name: 'registry_lock_content',
  text: 'SELECT pg_advisory_xact_lock(1684104044, hashtext($1))',
};
const IS_NAMED: Statement = {
  name: 'registry_is_content_named',
  text: 'SELECT is_named($1) AS named',
};
const FORGET: Statement = {
  name: 'registry_forget_content',
  text: 'DELETE FROM blob WHERE digest = $1',
};
const STRIKE: Statement = {
  name: 'registry_strike_removal',
  text: 'DELETE FROM blob_removal WHERE digest = $1',
};

type ReleaseRow = { repository: RepositoryName; digest: Digest; size: bigint; released: boolean };

/**
 * Ends a page of leases that are over: what no manifest of the repository needs is unlinked, and what nobody names any more
 * is listed for removal, all in one transaction. Undefined if no lease is left to end.
 */
export async function releasePage({ database, clock }: RegistryDeps): Promise<Released[] | undefined> {
  const rows = await database.query<ReleaseRow>(RELEASE, [clock()]);
  if (rows.length === 0) return undefined;
  return rows
    .filter(({ released }) => released)
    .map(({ repository, digest, size }) => ({ repository, digest, size: Number(size) }));
}

/** Gives digests that are listed for removal, behind `after` in byte order. */
export async function listRemovals({ database }: RegistryDeps, after: string): Promise<Digest[]> {
  return (await database.query<{ digest: Digest }>(LIST_REMOVALS, [after])).map(({ digest }) => digest);
}

/**
 * Removes the bytes of a digest that is listed for it, unless somebody names it again; gives their size, 0 if there were
 * none, undefined if they stay. Order: locked against leases, looked whether it is named, the file set aside, the row gone and the list struck
 * (one commit), the file discarded. A crash before the commit leaves it listed; what is set aside is settled by the next run.
 * A gateway that hangs here loses its transaction, and then puts back what it took.
 */
export async function removeContent(deps: RegistryDeps, digest: Digest): Promise<number | undefined> {
  const taken: { aside: SetAside | undefined; named: boolean } = { aside: undefined, named: true };
  try {
    await deps.database.transaction(async (transaction) => {
      await transaction.query(LOCK, [digest]);
      taken.named = await isNamed(transaction, digest);
      if (!taken.named) {
        taken.aside = await deps.blobs.setAside(digest);
        await transaction.query(FORGET, [digest]);
      }
      await transaction.query(STRIKE, [digest]);
    });
  } catch (error) {
    if (taken.aside !== undefined) await settle(deps, taken.aside).catch(() => undefined); // the next run does it
    throw error;
  }
  if (taken.named) return undefined;
  if (taken.aside === undefined) return 0;
  await deps.blobs.discard(taken.aside);
  return taken.aside.size;
}

/**
 * Ends the removals that a crash or a lost connection left in between: what is named goes back, the rest goes. So does what the store's journal
 * brought back after it was removed, which is in its place then, and set aside too.
 */
export async function settleRemovals(deps: RegistryDeps): Promise<void> {
  for (const aside of await deps.blobs.listSetAside()) await settle(deps, aside);
}

async function settle({ database, blobs }: RegistryDeps, aside: SetAside): Promise<void> {
  await database.transaction(async (transaction) => {
    await transaction.query(LOCK, [aside.digest]);
    if (await isNamed(transaction, aside.digest)) {
      await blobs.restore(aside);
      return;
    }
    const placed = await blobs.setAside(aside.digest);
    for (const one of placed === undefined ? [aside] : [placed, aside]) await blobs.discard(one);
  });
}

async function isNamed(target: Queryable, digest: Digest): Promise<boolean> {
  const [row] = await target.query<{ named: boolean }>(IS_NAMED, [digest]);
  return row?.named !== false;
}
