import { AccessError, isPattern, matchesPattern, parsePattern } from '@dockchains/access';
import { type Database, shareLookups, type Statement } from '@dockchains/database';

/** When layers of mirrored images are fetched: when they are pulled, as soon as a tag names them, from time to time, or not at all. */
type FetchMode = 'on-demand' | 'on-announcement' | 'on-schedule' | 'never';

/** How much is kept of the peers' repositories whose names, with their organisation, match the pattern. */
export interface MirrorPolicy {
  readonly pattern: string;
  readonly fetch: FetchMode;
  /** Of `on-schedule` alone: seconds from one sweep to the next. */
  readonly everySeconds: number | null;
  /** Most bytes of layers and configs; those fetched first go first. */
  readonly maxBytes: bigint | null;
}

/** Which peers' images are kept here, and how much of them. The caller has asked `requireOperator` before a change. */
export interface MirrorPolicies {
  /** That of the longest pattern; on demand and without a limit where none matches. */
  find(repository: string): Promise<MirrorPolicy>;
  /** All, by pattern. */
  list(): Promise<readonly MirrorPolicy[]>;
  /** Makes a policy, or changes that of its pattern. @throws AccessError INVALID_INPUT, LIMIT_REACHED */
  set(policy: NewMirrorPolicy): Promise<MirrorPolicy>;
  /** @throws AccessError RULE_UNKNOWN */
  remove(pattern: string): Promise<MirrorPolicy>;
  /** Those whose sweep is due, each marked as swept at `now`: one gateway takes it on. */
  takeDue(now: Date): Promise<readonly MirrorPolicy[]>;
}

/** A policy as an operator writes it. */
interface NewMirrorPolicy {
  readonly pattern: string;
  readonly fetch: string;
  readonly everySeconds?: number | null | undefined;
  readonly maxBytes?: bigint | null | undefined;
}

const MODES: readonly FetchMode[] = ['on-demand', 'on-announcement', 'on-schedule', 'never'];
const MAX_POLICIES = 200;
const MIN_EVERY_SECONDS = 60;
const MAX_EVERY_SECONDS = 31 * 86_400;
const MAX_BYTES = 2n ** 60n;
// What an announcement missed, because a peer or this gateway was away, is fetched by a sweep.
const ANNOUNCED_SWEEP_SECONDS = 600;

const COLUMNS = 'pattern, fetch_mode AS "fetch", every_seconds AS "everySeconds", max_bytes AS "maxBytes"';
const LIST: Statement = {
  name: 'federation_mirror_policies',
  text: `SELECT ${COLUMNS} FROM mirror_policy ORDER BY pattern LIMIT ${MAX_POLICIES}`,
};
const SET: Statement = {
  name: 'federation_set_mirror_policy',
  text: `INSERT INTO mirror_policy (pattern, fetch_mode, every_seconds, max_bytes)
         SELECT $1::text, $2::text, $3::int, $4::bigint
         WHERE (SELECT count(*) FROM mirror_policy WHERE pattern <> $1) < ${MAX_POLICIES}
         ON CONFLICT (pattern) DO UPDATE
         SET fetch_mode = excluded.fetch_mode, every_seconds = excluded.every_seconds, max_bytes = excluded.max_bytes,
             swept_at = NULL
         RETURNING ${COLUMNS}`,
};
const REMOVE: Statement = {
  name: 'federation_remove_mirror_policy',
  text: `DELETE FROM mirror_policy WHERE pattern = $1 RETURNING ${COLUMNS}`,
};
const TAKE_DUE: Statement = {
  name: 'federation_take_due_mirror_policies',
  text: `UPDATE mirror_policy SET swept_at = $1
         WHERE fetch_mode IN ('on-announcement', 'on-schedule')
           AND (swept_at IS NULL OR
                swept_at + make_interval(secs => COALESCE(every_seconds, ${ANNOUNCED_SWEEP_SECONDS})) <= $1)
         RETURNING ${COLUMNS}`,
};

/** Opens the policies over a database. */
export function openMirrorPolicies(database: Database): MirrorPolicies {
  const listShared = shareLookups<'all', readonly MirrorPolicy[]>({
    identify: (all) => all,
    lookUpAll: async () => [await database.query<MirrorPolicy>(LIST)],
  });
  const list = (): Promise<readonly MirrorPolicy[]> => listShared('all');
  return {
    list,

    async find(repository) {
      const matching = (await list()).filter(({ pattern }) => matchesPattern(pattern, repository));
      const [longest] = matching.toSorted((one, other) => other.pattern.length - one.pattern.length);
      return longest ?? { pattern: '**', fetch: 'on-demand', everySeconds: null, maxBytes: null };
    },

    async set(policy) {
      const { pattern, fetch, everySeconds, maxBytes } = parsePolicy(policy);
      const [row] = await database.query<MirrorPolicy>(SET, [pattern, fetch, everySeconds, maxBytes]);
      if (row !== undefined) return row;
      throw new AccessError(
        'LIMIT_REACHED',
        `There are at most ${MAX_POLICIES} mirror policies: use wider patterns.`,
      );
    },

    async remove(pattern) {
      const [row] = isPattern(pattern) ? await database.query<MirrorPolicy>(REMOVE, [pattern]) : [];
      if (row !== undefined) return row;
      throw new AccessError('RULE_UNKNOWN', 'There is no mirror policy for this pattern.');
    },

    takeDue: (now) => database.query<MirrorPolicy>(TAKE_DUE, [now]),
  };
}

function parsePolicy({
  pattern,
  fetch,
  everySeconds = null,
  maxBytes = null,
}: NewMirrorPolicy): MirrorPolicy {
  const mode = MODES.find((one) => one === fetch);
  if (mode === undefined) throw invalid(`Layers are fetched ${MODES.join(', ')}.`);
  if ((mode === 'on-schedule') !== (everySeconds !== null)) {
    throw invalid('A policy on schedule says how often, and no other does.');
  }
  if (everySeconds !== null && !isWithin(everySeconds, MIN_EVERY_SECONDS, MAX_EVERY_SECONDS)) {
    throw invalid(`A schedule has ${MIN_EVERY_SECONDS} to ${MAX_EVERY_SECONDS} seconds.`);
  }
  if (maxBytes !== null && (maxBytes < 1n || maxBytes > MAX_BYTES)) {
    throw invalid('A limit is a number of bytes, at least 1.');
  }
  return { pattern: parsePattern(pattern), fetch: mode, everySeconds, maxBytes };
}

const isWithin = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most;

const invalid = (message: string): AccessError => new AccessError('INVALID_INPUT', message);
