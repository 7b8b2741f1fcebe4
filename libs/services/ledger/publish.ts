import type { Queryable } from '@dockchains/database';
import {
  checkPolicy,
  encodeNote,
  NO_QUORUM,
  parseNote,
  parseSignatureLines,
  type Policy,
  TlogError,
} from '@dockchains/tlog';

import type { LedgerContext } from './context.ts';
import { type AcceptedLine, verifyLines } from './cosignatures.ts';
import { findPublishedHead, type KeptHead, publishHead } from './heads.ts';
import { keepPublished } from './kept-published.ts';

/** By whose cosignatures a ledger's heads are published, and who gets them. */
export interface Publication {
  /** What a head needs now before everybody may see it; `quorum none` where there is nobody to ask. */
  readonly policy: () => Promise<Policy>;
  /** There is another head to be cosigned: `announcedHead` of the ledger. A hint, which may come twice or from elsewhere. */
  announce(): void;
  /** A head was published here that had been announced so long before. */
  observePublished(waitedMs: number): void;
  /** Whether somebody else holds every entry of a published head, as far as entries of this ledger may be held elsewhere. */
  isHeld(note: string): Promise<boolean>;
  /** Heads of this ledger that peers cosigned, as whole notes by anybody: a ledger that finds itself behind one was put back. */
  findWitnessed(): Promise<readonly string[]>;
}

/** What cosignatures did; those that are by no key of the policy are not counted. */
export interface Cosigned {
  /** How many were kept. */
  readonly accepted: number;
  /** The head that they made publishable. */
  readonly published?: { readonly size: bigint };
}

interface AnnouncedRow extends KeptHead {
  readonly announcedAt: Date;
}

// The announced head stays until it is published, so that all are asked for the same one; `$3` lets a newer one take its place before.
const ANNOUNCE = {
  name: 'ledger-announce-head',
  text: `INSERT INTO announced_head AS a (ledger_id, size, root, note, announced_at)
         SELECT s.ledger_id, s.size, s.root, s.note, $2 FROM signed_head s
           JOIN published_checkpoint p ON p.ledger_id = s.ledger_id AND p.size < s.size
         WHERE s.ledger_id = $1
         ON CONFLICT (ledger_id) DO UPDATE
           SET size = EXCLUDED.size, root = EXCLUDED.root, note = EXCLUDED.note, announced_at = EXCLUDED.announced_at
         WHERE a.size < EXCLUDED.size
           AND ($3::boolean OR a.size <= (SELECT size FROM published_checkpoint WHERE ledger_id = $1))
         RETURNING size`,
};
const FIND_ANNOUNCED = {
  name: 'ledger-find-announced',
  text: `SELECT a.size, a.root, a.note, a.announced_at AS "announcedAt" FROM announced_head a
           JOIN published_checkpoint p ON p.ledger_id = a.ledger_id AND p.size < a.size
         WHERE a.ledger_id = $1`,
};
// Whoever decides what is published holds this row: cosignatures that arrive at several gateways are merged one after the other.
const LOCK_PUBLISHED = {
  name: 'ledger-lock-published',
  text: 'SELECT size, root, note FROM published_checkpoint WHERE ledger_id = $1 FOR NO KEY UPDATE',
};
const KEEP_COSIGNATURES = {
  name: 'ledger-keep-cosignatures',
  text: `WITH old AS (
           DELETE FROM head_cosignature WHERE ledger_id = $1 AND size < $8
         ), seen AS (
           INSERT INTO cosigner AS c (ledger_id, name, first_at, last_at, last_size)
           SELECT DISTINCT ON (name) $1::integer, name, $6::timestamptz, $6::timestamptz, $2::bigint
           FROM unnest($5::text[]) AS n (name)
           ON CONFLICT (ledger_id, name) DO UPDATE
             SET last_at = EXCLUDED.last_at, last_size = GREATEST(c.last_size, EXCLUDED.last_size)
         )
         INSERT INTO head_cosignature AS h (ledger_id, size, key, line, timestamp)
         SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $7::bigint[])
         ON CONFLICT (ledger_id, size, key) DO UPDATE SET line = EXCLUDED.line, timestamp = EXCLUDED.timestamp
           WHERE h.timestamp < EXCLUDED.timestamp`,
};
const READ_COSIGNATURES = {
  name: 'ledger-read-cosignatures',
  text: 'SELECT line FROM head_cosignature WHERE ledger_id = $1 AND size = $2 ORDER BY key',
};
const MOVE_PUBLISHED = {
  name: 'ledger-move-published',
  text: `UPDATE published_checkpoint SET size = $2, root = $3, note = $4, published_at = $5
         WHERE ledger_id = $1 AND size < $2`,
};
const MERGE_PUBLISHED = {
  name: 'ledger-merge-published',
  text: 'UPDATE published_checkpoint SET note = $3 WHERE ledger_id = $1 AND size = $2 AND note <> $3',
};

/**
 * Steps 4 and 5 of a head that was just signed: without a policy, or with one that asks for nobody, everybody sees it at once.
 * Else it is announced, or waits behind the announced one, and cosignatures publish it; false then.
 */
export async function publishSigned(context: LedgerContext, head: KeptHead): Promise<boolean> {
  if (isFree(await context.publication?.policy())) {
    await publishHead(context, head);
    return true;
  }
  await announceSigned(context);
  return false;
}

/**
 * Announces the newest signed head, unless the announced one still waits: that one must get the chance to be cosigned by all. With
 * `isStuck` the newest takes its place all the same. True if there is another to be cosigned.
 */
export async function announceSigned(
  context: LedgerContext,
  { isStuck = false }: { isStuck?: boolean } = {},
): Promise<boolean> {
  const { database, ledgerId, clock, publication } = context;
  const announced = await database.query(ANNOUNCE, [ledgerId, clock(), isStuck]);
  if (announced.length === 0) return false;
  publication?.announce();
  return true;
}

/** The head that waits for cosignatures; undefined where none does. */
export async function findAnnounced(
  database: Queryable,
  ledgerId: number,
): Promise<AnnouncedRow | undefined> {
  const [row] = await database.query<AnnouncedRow>(FIND_ANNOUNCED, [ledgerId]);
  return row;
}

/** The lines of cosignatures kept of the head of this size. */
export async function readCosignatures(
  database: Queryable,
  ledgerId: number,
  size: bigint,
): Promise<string[]> {
  const rows = await database.query<{ line: string }>(READ_COSIGNATURES, [ledgerId, size]);
  return rows.map(({ line }) => line);
}

/**
 * Takes cosignature lines of the head of this size, whoever brought them, and publishes the head if they meet the policy; those of
 * the published head are merged into its note. Lines of other heads, and by keys that the policy does not name, are ignored.
 * @throws TlogError BAD_NOTE, BAD_SIGNATURE, BAD_TIMESTAMP for a line by a key of the policy that does not verify: nothing was kept
 */
export async function addCosignatures(
  context: LedgerContext,
  size: bigint,
  lines: readonly string[],
): Promise<Cosigned> {
  const policy = await context.publication?.policy();
  if (policy === undefined) return { accepted: 0 };
  const head = await findHeadOf(context, size);
  if (head === undefined) return { accepted: 0 };
  const accepted = verifyLines(parseNote(head.note).text, lines, policy);
  if (accepted.length === 0) return { accepted: 0 };
  return { accepted: accepted.length, ...(await keepAndPublish(context, size, accepted)) };
}

/**
 * Publishes the announced head if what is kept of it meets the policy, as after a peer was removed, or announces the signed one if none is.
 * Gives the size that was found to wait.
 */
export async function publishAnnounced(context: LedgerContext): Promise<bigint | undefined> {
  const announced = await findAnnounced(context.database, context.ledgerId);
  if (announced === undefined) await announceSigned(context);
  else await keepAndPublish(context, announced.size, []);
  return announced?.size;
}

async function findHeadOf(
  { database, ledgerId }: LedgerContext,
  size: bigint,
): Promise<KeptHead | undefined> {
  const announced = await findAnnounced(database, ledgerId);
  if (announced?.size === size) return announced;
  const published = await findPublishedHead(database, ledgerId);
  return published?.size === size ? published : undefined;
}

/** One transaction behind the lock of the published row: what it decides, it decides on the cosignatures that all gateways have kept. */
async function keepAndPublish(
  context: LedgerContext,
  size: bigint,
  accepted: readonly AcceptedLine[],
): Promise<Pick<Cosigned, 'published'>> {
  const { database, ledgerId, clock, publication } = context;
  const policy = await publication?.policy();
  const moved = await database.transaction(async (transaction) => {
    const [published] = await transaction.query<KeptHead>(LOCK_PUBLISHED, [ledgerId]);
    if (published === undefined || size < published.size) return undefined;
    const announced = await findAnnounced(transaction, ledgerId);
    const head = size === published.size ? published : announced;
    if (head?.size !== size) return undefined;

    if (accepted.length > 0) {
      await transaction.query(KEEP_COSIGNATURES, [
        ...[ledgerId, size, accepted.map(({ key }) => key), accepted.map(({ line }) => line)],
        ...[accepted.map(({ name }) => name), clock(), accepted.map(({ timestamp }) => timestamp)],
        published.size,
      ]);
    }
    const note = withCosignatures(head.note, await readCosignatures(transaction, ledgerId, size));
    if (head === published) {
      await transaction.query(MERGE_PUBLISHED, [ledgerId, size, note]);
      return undefined;
    }
    if (announced === undefined || (policy !== undefined && !meets(note, policy, context))) return undefined;
    await transaction.query(MOVE_PUBLISHED, [ledgerId, size, head.root, note, clock()]);
    return { ...head, note, announcedAt: announced.announcedAt };
  });
  if (moved === undefined) return {};
  publication?.observePublished(clock().getTime() - moved.announcedAt.getTime());
  await keepPublished(context, moved);
  await announceSigned(context);
  return { published: { size } };
}

/** The note with these lines too: an earlier cosignature of a key gives way to its later one. */
function withCosignatures(note: string, lines: readonly string[]): string {
  if (lines.length === 0) return note;
  const { text, signatures } = parseNote(note);
  const merged = new Map(
    [...signatures, ...parseSignatureLines(lines.join(''))].map((one) => [
      `${one.name}+${one.keyId}`,
      one.line,
    ]),
  );
  return encodeNote(text, [...merged.values()]);
}

function meets(note: string, policy: Policy, { origin }: LedgerContext): boolean {
  try {
    checkPolicy(parseNote(note), policy, origin);
    return true;
  } catch (error) {
    if (error instanceof TlogError && error.code === 'QUORUM_NOT_MET') return false;
    throw error;
  }
}

const isFree = (policy: Policy | undefined): boolean => policy === undefined || policy.quorum === NO_QUORUM;
