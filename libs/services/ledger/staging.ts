import type { TileStore } from '@dockchains/blobs';
import { isSealedEntry } from '@dockchains/records';
import { HASH_BYTES, parseOrigin, type Origin } from '@dockchains/tlog';

import { keyOf, type Batch, type LedgerContext } from './context.ts';
import { LedgerError } from './errors.ts';
import { encodeBodies, parseBodies } from './sealed/bodies.ts';

/** A batch as it lies in the tile store, with the entries of [start, end). */
export interface StagedBatch extends Batch {
  readonly origin: Origin;
  readonly entries: readonly Uint8Array[];
  /** Of a ledger of sealed records: the body of each entry, null for one in the clear. */
  readonly bodies?: readonly (Uint8Array | null)[];
}

const MAGIC = 'dockchains.org/staged-batch/v1';
const SEALED_MAGIC = 'dockchains.org/staged-sealed-batch/v1';

const READ_ENTRIES = {
  name: 'ledger-read-batch-entries',
  text: 'SELECT entry FROM ledger_entry WHERE ledger_id = $1 AND index >= $2 AND index < $3 ORDER BY index',
};
const READ_SEALED_ENTRIES = {
  name: 'ledger-read-sealed-batch-entries',
  text: `SELECT e.entry, b.body FROM ledger_entry e
           LEFT JOIN sealed_record b ON b.ledger_id = e.ledger_id AND b.record_id = e.record_id
         WHERE e.ledger_id = $1 AND e.index >= $2 AND e.index < $3 ORDER BY e.index`,
};

/** `log/<ledger>/staging/<size>-<root in hex>`: a function of the committed indices alone. */
export function stagedKey(name: string, { end, root }: Pick<Batch, 'end' | 'root'>): string {
  return keyOf(name, `staging/${end}-${Buffer.from(root).toString('hex')}`);
}

/** The size and root that a staging key names, if it is one. */
export function parseStagedKey(key: string): { end: bigint; rootHex: string } | undefined {
  const match = /\/staging\/(0|[1-9][0-9]{0,18})-([0-9a-f]{64})$/.exec(key);
  return match?.[1] === undefined || match[2] === undefined
    ? undefined
    : { end: BigInt(match[1]), rootHex: match[2] };
}

/**
 * Step 2: the batch's entries, put if absent and fsynced. Hash tiles are a function of the entries, so the entries
 * alone are kept; two sequencers stage equal bytes, and differing bytes under one key are fatal. Without `entries`, as where
 * another process committed them, they are read.
 */
export async function stageBatch(
  context: LedgerContext,
  batch: Batch,
  entries?: readonly Uint8Array[],
): Promise<void> {
  const rows =
    entries !== undefined && context.sealer === undefined ? { entries } : await readBatch(context, batch);
  const staged = encodeStagedBatch({ ...batch, ...rows, origin: context.origin });
  await context.tiles.putIfAbsent(stagedKey(context.name, batch), staged);
}

const readBatch = async (
  { database, ledgerId, sealer }: LedgerContext,
  { start, end }: Batch,
): Promise<Pick<StagedBatch, 'entries' | 'bodies'>> => {
  const rows = await database.query<{ entry: Buffer; body?: Buffer | null }>(
    sealer === undefined ? READ_ENTRIES : READ_SEALED_ENTRIES,
    [ledgerId, start, end],
  );
  const whole = rows.filter(({ entry, body }) => body !== null || !isSealedEntry(entry));
  if (BigInt(whole.length) !== end - start) {
    throw new LedgerError(
      'CONTRADICTION',
      `The database holds ${whole.length} of the entries ${start} to ${end}, with their bodies: restore it from its backup.`,
    );
  }
  const entries = rows.map(({ entry }) => entry);
  return sealer === undefined ? { entries } : { entries, bodies: rows.map(({ body }) => body ?? null) };
};

/** All staged batches, by their end. */
export async function listStaged(tiles: TileStore, name: string): Promise<{ end: bigint; key: string }[]> {
  const found: { end: bigint; key: string }[] = [];
  for await (const key of tiles.list(keyOf(name, 'staging/'))) {
    const parsed = parseStagedKey(key);
    if (parsed !== undefined) found.push({ end: parsed.end, key });
  }
  return found.sort((a, b) => (a.end < b.end ? -1 : a.end > b.end ? 1 : 0));
}

/**
 * A header of five lines, then each entry behind its u16 big-endian length as in C2SP tlog-tiles bundles; where bodies are
 * kept, all of them follow the entries (see `encodeBodies`).
 */
export function encodeStagedBatch({ origin, start, end, root, entries, bodies }: StagedBatch): Uint8Array {
  const header = `${bodies === undefined ? MAGIC : SEALED_MAGIC}\n${origin}\n${start} ${end}\n${Buffer.from(root).toString('base64')}\n\n`;
  const parts: Buffer[] = [Buffer.from(header)];
  for (const entry of entries) {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(entry.length);
    parts.push(length, Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength));
  }
  if (bodies !== undefined) parts.push(encodeBodies(bodies));
  return Buffer.concat(parts);
}

/** Reads a staged batch back. @throws LedgerError CONTRADICTION if the file is not whole or not this ledger's */
export function parseStagedBatch(bytes: Buffer, origin: Origin): StagedBatch {
  const headerEnd = bytes.indexOf('\n\n');
  const lines = headerEnd < 0 ? [] : bytes.toString('utf8', 0, headerEnd).split('\n');
  const [magic, named, range, rootText] = lines;
  const match = /^(0|[1-9][0-9]{0,18}) ([1-9][0-9]{0,18})$/.exec(range ?? '');
  const root = Buffer.from(rootText ?? '', 'base64');
  if (
    (magic !== MAGIC && magic !== SEALED_MAGIC) ||
    lines.length !== 4 ||
    match === null ||
    root.length !== HASH_BYTES ||
    named === undefined
  ) {
    throw new LedgerError('CONTRADICTION', 'A staged batch is not in the form that this version writes.');
  }
  if (parseOrigin(named) !== origin) {
    throw new LedgerError(
      'CONTRADICTION',
      `A staged batch belongs to ${named}: this store serves another ledger.`,
    );
  }
  const start = BigInt(match[1] ?? '');
  const end = BigInt(match[2] ?? '');
  const count = Number(end - start);
  const { entries, rest } = splitEntries(bytes.subarray(headerEnd + 2), count);
  const batch = { origin, start, end, root, entries };
  if (magic === SEALED_MAGIC) return { ...batch, bodies: parseBodies(rest, count) };
  if (rest.length > 0) {
    throw new LedgerError(
      'CONTRADICTION',
      `The staged batch ${start} to ${end} holds more than its entries.`,
    );
  }
  return batch;
}

const splitEntries = (bytes: Buffer, count: number): { entries: Buffer[]; rest: Buffer } => {
  const entries: Buffer[] = [];
  let offset = 0;
  while (entries.length < count) {
    const length = offset + 2 <= bytes.length ? bytes.readUInt16BE(offset) : Number.MAX_SAFE_INTEGER;
    if (offset + 2 + length > bytes.length) {
      throw new LedgerError('CONTRADICTION', 'A staged batch ends before its last entry.');
    }
    entries.push(bytes.subarray(offset + 2, offset + 2 + length));
    offset += 2 + length;
  }
  return { entries, rest: bytes.subarray(offset) };
};
