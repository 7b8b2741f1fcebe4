import { type Access, IMMUTABLE_COLUMN } from '@dockchains/access';
import type { Database, Statement } from '@dockchains/database';
import type { Digest, Manifest, Tag } from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

import type { RegistryDeps } from './deps.ts';
import { COMMON, JUDGED, type JudgedCall, judging, shareJudged } from './judged-statements.ts';
import type { JudgedRow } from './judged-writes.ts';
import { leaseUntil } from './lease.ts';
import type { PushState, PushTarget } from './push-state.ts';
import type { Visibility } from './repositories.ts';
import { isWritable } from './writable.ts';

/** A push of a manifest, whose digest is the id, to one tag or none. */
interface LeaseCall extends JudgedCall {
  readonly tag: Tag | undefined;
  /** Undefined: no lease is taken. */
  readonly until: Date | undefined;
  readonly needs: readonly Digest[];
}

type Row = JudgedRow & {
  readonly immutableRules: readonly string[];
  readonly tagged: Digest | null;
  readonly taggedBy: RecordId;
  /** Of the repository, if the manifest's bytes have a lease there now. */
  readonly leasedIn: number | null;
};

/** Reads what a push rests on and, where all that it needs is there, but neither the manifest nor its tag, leases the manifest's bytes. */
export type PushLeases = (call: LeaseCall) => Promise<Row>;

// As lease_manifests, with the facts and the tag beside it; by LIMIT, as there is no other way to have all looked up by key. Not waited for on disk, as any
// lease.
const LEASE: Statement = {
  name: 'registry_lease_pushes',
  text: `WITH ${judging('tag, until', `${COMMON}, $6::text[], $7::timestamptz[]`, IMMUTABLE_COLUMN)},
         s AS MATERIALIZED (
           SELECT j.n, j.rid, j.id AS digest, j.until, t.digest AS tagged, t.record_id AS "taggedBy",
             j.judged AND j.rid IS NOT NULL AND j.until IS NOT NULL AND t.digest IS NULL AND m.digest IS NULL AND l.digest IS NULL AS leased
           FROM j
           LEFT JOIN LATERAL (SELECT digest, record_id FROM tag WHERE repository_id = j.rid AND name = j.tag LIMIT 1) AS t ON true
           LEFT JOIN LATERAL (SELECT digest FROM manifest WHERE repository_id = j.rid AND digest = j.id LIMIT 1) AS m ON true
           LEFT JOIN LATERAL (
             SELECT n.digest FROM unnest($8::int[], $9::text[]) AS n (push, digest)
             LEFT JOIN LATERAL (
               SELECT digest FROM repository_blob WHERE repository_id = j.rid AND digest = n.digest LIMIT 1) AS k ON true
             WHERE n.push = j.n AND k.digest IS NULL LIMIT 1) AS l ON true),
         l AS (
           INSERT INTO blob_lease AS l (repository_id, digest, until)
           SELECT s.rid, s.digest, max(s.until) FROM s, set_config('synchronous_commit', 'off', true)
           WHERE s.leased GROUP BY s.rid, s.digest ORDER BY s.rid, s.digest
           ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until))
         SELECT ${JUDGED}, j."immutableRules", s.tagged, s."taggedBy", CASE WHEN s.leased THEN s.rid END AS "leasedIn"
         FROM j JOIN s ON s.n = j.n ORDER BY j.n`,
};

/** Opens the statement; pushes that come at once share one. */
export function openPushLeases(database: Database): PushLeases {
  return shareJudged<LeaseCall, Row>(database, {
    statement: LEASE,
    parametersOf(calls) {
      const needs = calls.flatMap(({ needs }, index) => needs.map((digest) => ({ push: index + 1, digest })));
      return [
        calls.map(({ tag }) => tag ?? null),
        calls.map(({ until }) => until ?? null),
        needs.map(({ push }) => push),
        needs.map(({ digest }) => digest),
      ];
    },
  });
}

/** What a push rests on, and where its manifest's bytes have a lease, if that could be taken with it. */
export interface PushAhead {
  readonly state: PushState;
  readonly leasedIn: number | undefined;
}

/** Says whether {@link leaseAhead} may do for a push: one of somebody who most likely may, to one tag or none. */
export function isLikelyPush({ judgedWrites }: RegistryDeps, { tags, ...writer }: PushTarget): boolean {
  return tags.length <= 1 && judgedWrites.isLikely(writer);
}

/**
 * Asks all that a push rests on by one statement, which takes the lease too where nothing can stand in its way any more; undefined where the facts
 * change too fast. Nothing is written for who may not push.
 * @throws AccessError
 */
export async function leaseAhead(
  deps: RegistryDeps,
  { principal, repository, tags }: PushTarget,
  { digest, manifest }: { readonly digest: Digest; readonly manifest: Manifest },
): Promise<PushAhead | undefined> {
  const { judgedWrites, leasePush, clock, access } = deps;
  const [tag] = tags;
  const writer = { principal, repository };
  const mayLease = (): boolean =>
    manifest.requiredManifests.length === 0 &&
    judgedWrites.isLikely(writer, tag === undefined ? 'push' : 'tag:create') &&
    deps.ledgers.all.every(isWritable);
  const row = await judgedWrites.push(writer, (known) =>
    leasePush({
      ...{ id: digest, repository, principalId: principal.id, at: clock(), known, tag },
      ...{ until: mayLease() ? leaseUntil(deps) : undefined, needs: manifest.requiredBlobs },
    }),
  );
  return row === undefined
    ? undefined
    : { state: stateOf(access, { principal, repository, tags }, row), leasedIn: row.leasedIn ?? undefined };
}

function stateOf(
  access: Pick<Access, 'judge' | 'judgeTags'>,
  { principal, repository, tags }: PushTarget,
  row: Row,
): PushState {
  const { tagged, taggedBy, immutableRules, visibility } = row;
  return {
    rights: access.judge(principal, repository, row),
    visibility: (visibility ?? undefined) as Visibility | undefined,
    immutable: access.judgeTags(repository, immutableRules),
    tags: new Map(tagged === null ? [] : tags.map((tag) => [tag, { digest: tagged, recordId: taggedBy }])),
  };
}
