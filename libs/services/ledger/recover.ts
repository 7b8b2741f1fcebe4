import type { Transaction } from '@dockchains/database';
import {
  encodeNote,
  entriesPath,
  openCheckpoint,
  parseBundle,
  rootFromTiles,
  TILE_WIDTH,
} from '@dockchains/tlog';

import { keyOf, signedKey, type Batch, type LedgerContext } from './context.ts';
import { insertEntries, lockHead, readHead, type Head, type NewEntry } from './entries.ts';
import { LedgerError } from './errors.ts';
import { findPublishedHead, findSignedHead, publishHead, type KeptHead } from './heads.ts';
import { findKeptPublished, noteCosigners } from './kept-published.ts';
import { publishSigned } from './publish.ts';
import { ensurePartitions, noteBatch } from './sequence.ts';
import { bodiesKey, parseBodies } from './sealed/bodies.ts';
import { type FoundBytes, recordIdOf, restoreEntry } from './sealed/restore.ts';
import { listStaged, parseStagedBatch, parseStagedKey, type StagedBatch } from './staging.ts';
import { readCommittedTile } from './tiles.ts';

const WIDTH = BigInt(TILE_WIDTH);

const DROP_QUEUED = {
  name: 'ledger-drop-queued',
  text: 'DELETE FROM ledger_queue WHERE ledger_id = $1 AND record_id = ANY($2::text[])',
};
const READ_LEAF = {
  name: 'ledger-read-leaf',
  text: 'SELECT entry FROM ledger_entry WHERE ledger_id = $1 AND index = $2',
};
const SET_SIGNED = {
  name: 'ledger-set-signed',
  text: 'UPDATE signed_head SET size = $2, root = $3, note = $4 WHERE ledger_id = $1 AND size <= $2',
};

/** What the tile store knows beyond the database. */
export interface Evidence {
  /** The newest head that is known to be signed, to the tile store or to who witnessed it. */
  readonly signed: KeptHead | undefined;
  /** Heads that others cosigned. */
  readonly witnessed: readonly KeptHead[];
  readonly staged: readonly { end: bigint; key: string }[];
}

/** Reads the tile store's side, and the witnesses'. @throws LedgerError CONTRADICTION if the store's signed note is not by our key */
export async function readEvidence(context: LedgerContext): Promise<Evidence> {
  const kept = await findKeptSigned(context);
  const staged = await listStaged(context.tiles, context.name);
  const witnessed = await findWitnessed(context);
  const signed = [...(kept === undefined ? [] : [kept]), ...witnessed].reduce<KeptHead | undefined>(
    (newest, head) => (newest === undefined || head.size > newest.size ? head : newest),
    undefined,
  );
  return { signed, witnessed, staged };
}

/** What is not by our key is not ours to answer for, whoever says that it witnessed it. */
const findWitnessed = async (context: LedgerContext): Promise<KeptHead[]> => {
  const notes = (await context.publication?.findWitnessed()) ?? [];
  return notes.flatMap((note) => {
    try {
      return [openHead(context, note)];
    } catch {
      return [];
    }
  });
};

const openHead = ({ signer, origin }: LedgerContext, note: string): KeptHead => {
  const { verifierKey } = signer;
  const { checkpoint, note: opened } = openCheckpoint(note, verifierKey);
  if (checkpoint.origin !== origin) throw new Error(`it is of ${checkpoint.origin}`);
  const own = opened.signatures.filter(({ name, keyId }) => name === origin && keyId === verifierKey.keyId);
  const signed = encodeNote(opened.text, [...new Set(own.map(({ line }) => line))]);
  return { size: checkpoint.size, root: Buffer.from(checkpoint.root), note: signed };
};

const findKeptSigned = async (context: LedgerContext): Promise<KeptHead | undefined> => {
  const bytes = await context.tiles.get(signedKey(context.name));
  if (bytes === undefined) return undefined;
  try {
    return openHead(context, bytes.toString('utf8'));
  } catch (cause) {
    throw new LedgerError(
      'CONTRADICTION',
      `The tile store's signed head is not ${context.origin}'s by the key in the keys folder: one of the two belongs elsewhere. Put the right one back.`,
      { cause },
    );
  }
};

/**
 * Why the database can't be trusted to be the latest, if it is behind the tile store; undefined if it is not.
 * @throws LedgerError CONTRADICTION if the database holds another history than was signed
 */
export async function findLag(context: LedgerContext, evidence: Evidence): Promise<string | undefined> {
  const head = await readHead(context.database, context.ledgerId);
  for (const known of [evidence.signed, ...evidence.witnessed]) {
    if (known !== undefined && known.size <= head.size) await requireRoot(context, known);
  }
  const signed = await findSignedHead(context.database, context.ledgerId);
  const last = evidence.staged.at(-1);
  if (last !== undefined && last.end > head.size) {
    return `entries up to ${last.end} were staged, the database holds ${head.size}`;
  }
  if (evidence.signed !== undefined && evidence.signed.size > (signed?.size ?? 0n)) {
    return `a head of ${evidence.signed.size} entries was signed, the database knows ${signed?.size ?? 0n}`;
  }
  // Staged batches are dropped once final bundles cover them, and the signed note may be a delayed writer's older one.
  const path = entriesPath({ index: head.size / WIDTH, width: TILE_WIDTH });
  if ((await context.tiles.get(keyOf(context.name, path))) !== undefined) {
    return `${path} is in the tile store, the database holds ${head.size} entries`;
  }
  return undefined;
}

/**
 * Brings a database that was put back to an earlier state up to what was staged and signed: missing entries come
 * from final bundles and staged batches, queued records met among them are dropped, and records are replayed into
 * the registry. Nothing is signed here, and every root on the way is compared with the staged and signed ones.
 * @throws LedgerError CONTRADICTION if the stores do not belong to one history; nothing was changed by that step
 */
export async function recover(context: LedgerContext, evidence: Evidence): Promise<{ recovered: bigint }> {
  const before = await readHead(context.database, context.ledgerId);
  const published = await findPublishedHead(context.database, context.ledgerId);
  await checkOverlap(context, before);

  let size = await recoverBundles(context, before.size);
  for (const { key } of evidence.staged) {
    const staged = await readStaged(context, key);
    if (staged.end > size) size = await applyStaged(context, staged);
  }
  await noteStagedBatches(context, evidence, published?.size ?? 0n);
  await adoptSigned(context, evidence);
  return { recovered: size - before.size };
}

/** The last entry of the database must be the one that its bundle holds: two histories must not be spliced. */
const checkOverlap = async (context: LedgerContext, head: Head): Promise<void> => {
  if (head.size === 0n) return;
  const index = head.size - 1n;
  const bundle = await readBundle(context, index / WIDTH);
  if (bundle === undefined) return;
  const [row] = await context.database.query<{ entry: Buffer }>(READ_LEAF, [context.ledgerId, index]);
  const kept = bundle[Number(index % WIDTH)];
  if (row !== undefined && kept !== undefined && row.entry.equals(kept.entry)) return;
  throw contradiction(`Entry ${index} differs between the database and the tile store`);
};

const recoverBundles = async (context: LedgerContext, from: bigint): Promise<bigint> => {
  let size = from;
  for (let entries = await readBundle(context, size / WIDTH); entries !== undefined;) {
    const missing = entries.slice(Number(size % WIDTH));
    size = (await applyEntries(context, size, missing)).end;
    entries = await readBundle(context, size / WIDTH);
  }
  return size;
};

const readBundle = async (context: LedgerContext, index: bigint): Promise<FoundBytes[] | undefined> => {
  const bytes = await context.tiles.get(keyOf(context.name, entriesPath({ index, width: TILE_WIDTH })));
  if (bytes === undefined) return undefined;
  const kept = context.sealer && (await context.tiles.get(bodiesKey(context.name, index)));
  if (context.sealer !== undefined && kept === undefined) {
    throw contradiction(`The bodies of bundle ${index} are not in the tile store`);
  }
  const bodies = kept === undefined ? [] : parseBodies(kept, TILE_WIDTH);
  return [...parseBundle(bytes, TILE_WIDTH)].map((entry, at) => ({ entry, body: bodies[at] ?? null }));
};

const readStaged = async (context: LedgerContext, key: string): Promise<StagedBatch> => {
  const bytes = await context.tiles.get(key);
  if (bytes === undefined) throw contradiction(`The staged batch ${key} is gone`);
  const staged = parseStagedBatch(bytes, context.origin);
  const named = parseStagedKey(key);
  if (named?.end !== staged.end || named.rootHex !== Buffer.from(staged.root).toString('hex')) {
    throw contradiction(`The staged batch ${key} holds something else than its name says`);
  }
  return staged;
};

const applyStaged = async (context: LedgerContext, staged: StagedBatch): Promise<bigint> => {
  const head = await readHead(context.database, context.ledgerId);
  if (staged.start > head.size) {
    throw contradiction(
      `Entries ${head.size} to ${staged.start} are neither in the database nor in the tile store`,
    );
  }
  const missing = staged.entries
    .map((entry, at) => ({ entry, body: staged.bodies?.[at] ?? null }))
    .slice(Number(head.size - staged.start));
  await applyEntries(context, head.size, missing, staged);
  return staged.end;
};

/**
 * One transaction: entries, queue and registry move together. What comes from a staged batch must reach its root, and is
 * noted as a batch whose later steps are still to be done, so that a crash right behind it leaves nothing unsigned.
 */
const applyEntries = async (
  context: LedgerContext,
  size: bigint,
  found: readonly FoundBytes[],
  staged?: StagedBatch,
): Promise<Batch> => {
  await ensurePartitions(context.database, size);
  return context.database.transaction(async (transaction: Transaction) => {
    const head = await lockHead(transaction, context.ledgerId);
    if (head.size !== size) throw contradiction('Another gateway writes while this one recovers');
    const recovered: NewEntry[] = found.map(({ entry }) => ({ recordId: recordIdOf(entry), entry }));
    await transaction.query(DROP_QUEUED, [context.ledgerId, recovered.map(({ recordId }) => recordId)]);
    const { batch } = await insertEntries(transaction, context.ledgerId, head, recovered);
    if (staged !== undefined) {
      if (!Buffer.from(batch.root).equals(staged.root)) {
        throw contradiction(
          `The staged entries up to ${batch.end} do not give the root that they were staged under`,
        );
      }
      await noteBatch(transaction, context.ledgerId, staged);
    }
    for (const one of found) await context.replay(transaction, await restoreEntry(context, transaction, one));
    return batch;
  });
};

/** Takes the signed note over from the tile store; the entries below it must give its root. */
const adoptSigned = async (context: LedgerContext, { signed }: Evidence): Promise<void> => {
  if (signed === undefined || signed.size === 0n) return;
  const head = await readHead(context.database, context.ledgerId);
  if (signed.size > head.size) {
    throw contradiction(
      `A head of ${signed.size} entries was signed, but only ${head.size} entries can be found`,
    );
  }
  await requireRoot(context, signed);
  await context.database.query(SET_SIGNED, [context.ledgerId, signed.size, signed.root, signed.note]);
  const published = await findKeptPublished(context);
  if (published !== undefined && published.size <= signed.size) {
    await requireRoot(context, published);
    await noteCosigners(context, published);
    await publishHead(context, published);
  }
  await publishSigned(context, signed);
};

/** The entries in the database must give the root that was signed at its size. */
const requireRoot = async (context: LedgerContext, { size, root }: KeptHead): Promise<void> => {
  if (root.equals(await rootFromTiles(size, (tile) => readCommittedTile(context, tile)))) return;
  throw contradiction(`The entries found do not give the root that was signed at ${size}`);
};

/** Notes again the staged batches whose tiles the restored database does not know to be promoted. */
const noteStagedBatches = async (
  context: LedgerContext,
  { staged }: Evidence,
  published: bigint,
): Promise<void> => {
  for (const { key, end } of staged) {
    if (end > published) await noteBatch(context.database, context.ledgerId, await readStaged(context, key));
  }
};

const contradiction = (fact: string): LedgerError =>
  new LedgerError(
    'CONTRADICTION',
    `${fact}. The ledger stays frozen: put the database and the blob store back to states of one moment.`,
  );
