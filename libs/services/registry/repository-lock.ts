// "repo" in ASCII. Row locks are not fair: pushes that overlap for ever would keep a change of visibility waiting for ever.
const LOCK_CLASS = 0x7265706f;

/** In FROM, the lock that each change of what a repository holds takes first, with its row id as $1; until the commit. */
export const SHARED_LOCK = `pg_advisory_xact_lock_shared(${LOCK_CLASS}, $1)`;

/** The same, alone: waits for those who hold it, and those who come wait behind. */
export const WHOLE_LOCK = `pg_advisory_xact_lock(${LOCK_CLASS}, $1)`;
