import type { Database, Queryable, Statement } from '@dockchains/database';

/** A generation, and the index of the entry that it consumes next of a ledger. */
export type Standing = { readonly generation: number; readonly next: bigint };

/** How the generations stand with one ledger. */
export type Standings = {
  readonly serving: Standing;
  /** What a rebuild fills. */
  readonly building: Standing | undefined;
  /** Whether there is anything left of what was served before. */
  readonly leftovers: boolean;
};

const READ: Statement = {
  name: 'catalog_read_generations',
  text: `SELECT g.generation, g.state, p.next FROM catalog_generation g
         LEFT JOIN catalog_position p ON p.generation = g.generation AND p.origin = $1`,
};
// Of two that begin at once, one finds the key taken, and the rebuild is the other's.
const BEGIN: Statement = {
  name: 'catalog_begin_generation',
  text: `INSERT INTO catalog_generation (generation, state)
         SELECT max(generation) + 1, 'building' FROM catalog_generation
         HAVING NOT bool_or(state = 'building')
         ON CONFLICT (generation) DO NOTHING`,
};
const PROMOTE: Statement = {
  name: 'catalog_promote_generation',
  text: `WITH ready AS (
           SELECT b.generation FROM catalog_generation b
           WHERE b.state = 'building' AND NOT EXISTS (
             SELECT FROM catalog_position s JOIN catalog_generation g ON g.generation = s.generation AND g.state = 'serving'
             LEFT JOIN catalog_position p ON p.generation = b.generation AND p.origin = s.origin
             WHERE s.origin = ANY($1::text[]) AND (p.next IS NULL OR p.next < s.next)))
         UPDATE catalog_generation g
         SET state = CASE WHEN g.generation = r.generation THEN 'serving' ELSE 'dropped' END
         FROM ready r WHERE g.generation = r.generation OR g.state = 'serving'
         RETURNING g.generation`,
};
// Some at a time, so that nobody waits for all of it; who sweeps beside us takes others.
const SWEEP: Statement = {
  name: 'catalog_sweep_generation',
  text: `WITH gone AS (
           DELETE FROM catalog_repository WHERE id IN (
             SELECT c.id FROM catalog_repository c JOIN catalog_generation g ON g.generation = c.generation
             WHERE g.state = 'dropped' LIMIT 500 FOR UPDATE OF c SKIP LOCKED)
           RETURNING id
         ), tags AS (DELETE FROM catalog_tag WHERE repository_id IN (SELECT id FROM gone)),
         artifacts AS (DELETE FROM catalog_artifact WHERE repository_id IN (SELECT id FROM gone))
         SELECT id FROM gone LIMIT 1`,
};
const FORGET: Statement = {
  name: 'catalog_forget_generations',
  text: `WITH gone AS (
           DELETE FROM catalog_generation g WHERE g.state = 'dropped'
             AND NOT EXISTS (SELECT FROM catalog_repository c WHERE c.generation = g.generation) RETURNING generation)
         DELETE FROM catalog_position p USING gone WHERE p.generation = gone.generation`,
};

/** Reads how the generations stand with a ledger. */
export async function readStandings(database: Queryable, origin: string): Promise<Standings> {
  const rows = await database.query<{ generation: number; state: string; next: bigint | null }>(READ, [
    origin,
  ]);
  const find = (wanted: string): Standing | undefined => {
    const row = rows.find(({ state }) => state === wanted);
    return row && { generation: row.generation, next: row.next ?? 0n };
  };
  const serving = find('serving');
  if (serving === undefined) throw new Error('The catalog has no generation to serve.');
  return { serving, building: find('building'), leftovers: find('dropped') !== undefined };
}

/** Begins to fill another generation beside the one that is served; nothing if one is being filled. */
export async function beginGeneration(database: Database): Promise<void> {
  await database.query(BEGIN);
}

/** Serves the generation being filled once it is as far as the served one in each of the origins; false if it is not. */
export async function promoteGeneration(database: Database, origins: readonly string[]): Promise<boolean> {
  return (await database.query(PROMOTE, [origins])).length > 0;
}

/** Removes a part of what is served no more; false if there was nothing left. */
export async function sweepGenerations(database: Database): Promise<boolean> {
  if ((await database.query(SWEEP)).length > 0) return true;
  await database.query(FORGET);
  return false;
}
