import type { TileStore } from '@dockchains/blobs';
import { HASH_BYTES, parseOrigin, type Origin } from '@dockchains/tlog';

import { keyOf, type Batch, type LedgerContext } from './context.ts';
import { LedgerError } from './errors.ts';

/** A batch as it lies in the tile store, with the entries of [start, end). */
export interface StagedBatch extends Batch {
  readonly origin: Origin;
  readonly entries: readonly Uint8Array[];
}

const MAGIC = 'dockchains.org/staged-batch/v1';

const READ_ENTRIES = {
  name: 'ledger-read-batch-entries',
  text: 'SELECT entry FROM ledger_entry WHERE ledger_id = $1 AND index >= $2 AND index < $3 ORDER BY index',
};

/** `log/<ledger>/staging/<size>-<root in hex>`: a function of the committed indices alone. */
function stagedKey(name: string, { end, root }: Batch): string {
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
 * alone are kept; two sequencers stage equal bytes, and differing bytes under one key are fatal.
 */
export async function stageBatch(context: LedgerContext, batch: Batch): Promise<void> {
  const rows = await context.database.query<{ entry: Buffer }>(READ_ENTRIES, [
    context.ledgerId,
    batch.start,
    batch.end,
  ]);
  if (BigInt(rows.length) !== batch.end - batch.start) {
    throw new LedgerError(
      'CONTRADICTION',
      `The database holds ${rows.length} of the entries ${batch.start} to ${batch.end}: restore it from its backup.`,
    );
  }
  const staged = encodeStagedBatch({
    ...batch,
    origin: context.origin,
    entries: rows.map((row) => row.entry),
  });
  await context.tiles.putIfAbsent(stagedKey(context.name, batch), staged);
}

/** All staged batches, by their end. */
export async function listStaged(tiles: TileStore, name: string): Promise<{ end: bigint; key: string }[]> {
  const found: { end: bigint; key: string }[] = [];
  for await (const key of tiles.list(keyOf(name, 'staging/'))) {
    const parsed = parseStagedKey(key);
    if (parsed !== undefined) found.push({ end: parsed.end, key });
  }
  return found.sort((a, b) => (a.end < b.end ? -1 : a.end > b.end ? 1 : 0));
}

/** A header of five lines, then each entry behind its u16 big-endian length as in C2SP tlog-tiles bundles. */
function encodeStagedBatch({ origin, start, end, root, entries }: StagedBatch): Uint8Array {
  const header = `${MAGIC}\n${origin}\n${start} ${end}\n${Buffer.from(root).toString('base64')}\n\n`;
  const parts: Buffer[] = [Buffer.from(header)];
  for (const entry of entries) {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(entry.length);
    parts.push(length, Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength));
  }
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
    magic !== MAGIC ||
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
  const entries = splitEntries(bytes.subarray(headerEnd + 2));
  if (BigInt(entries.length) !== end - start) {
    throw new LedgerError(
      'CONTRADICTION',
      `The staged batch ${start} to ${end} holds ${entries.length} entries.`,
    );
  }
  return { origin, start, end, root, entries };
}

const splitEntries = (bytes: Buffer): Buffer[] => {
  const entries: Buffer[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const length = offset + 2 <= bytes.length ? bytes.readUInt16BE(offset) : Number.MAX_SAFE_INTEGER;
    if (offset + 2 + length > bytes.length) {
      throw new LedgerError('CONTRADICTION', 'A staged batch ends in the middle of an entry.');
    }
    entries.push(bytes.subarray(offset + 2, offset + 2 + length));
    offset += 2 + length;
  }
  return entries;
};
