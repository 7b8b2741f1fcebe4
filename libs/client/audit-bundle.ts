import {
  isManifestRecord,
  isSealedEntry,
  type LedgerRecord,
  parseRecord,
  parseSealedEntry,
  RecordError,
} from '@dockchains/records';
import { computeTile, HASH_BYTES, hashLeaf, type Origin } from '@dockchains/tlog';

import { type AuditFinding, compareTile, firstDifference } from './audit-finding.ts';

/** A bundle and the tile of level 0 over it, as stored. */
export type StoredPair = {
  readonly bundlePath: string;
  readonly tilePath: string;
  readonly bundle: Uint8Array;
  readonly tile: Uint8Array;
  /** Entries that both must have. */
  readonly width: number;
};

/** Says whether these leaf hashes lead to what stands above the pair: that tells which of the two is wrong. */
export type LeadsUpward = (leafHashes: readonly Uint8Array[]) => Promise<boolean | AuditFinding>;

type Entries = {
  readonly entries: readonly { readonly byteOffset: number; readonly bytes: Uint8Array }[];
  /** Where reading failed, if it did. */
  readonly brokenAt: number | undefined;
};

const LENGTH_BYTES = 2;

/** Checks a pair against itself, and its entries as records of the log's organisation; gives the leaf hashes. */
export async function checkPair(
  pair: StoredPair,
  { origin, leadsUpward }: { origin: Origin; leadsUpward: LeadsUpward },
): Promise<readonly Uint8Array[] | AuditFinding> {
  const { entries, brokenAt } = readEntries(pair);
  const leafHashes = entries.map(({ bytes }) => hashLeaf(bytes));
  const derived = leafHashes.length === 0 ? new Uint8Array() : computeTile(leafHashes);
  const difference = firstDifference(pair.tile, derived);
  const badEntry = difference === undefined ? undefined : entries[Math.floor(difference / HASH_BYTES)];

  if (brokenAt !== undefined) return badBundle(pair, badEntry?.byteOffset ?? brokenAt);
  if (difference !== undefined) {
    const sides = await whichLeads(pair, { leafHashes, leadsUpward });
    if (typeof sides !== 'string') return sides;
    if (sides === 'tile' && badEntry !== undefined) return badBundle(pair, badEntry.byteOffset);
    const finding = compareTile(pair.tilePath, pair.tile, derived);
    if (finding !== undefined) return sides === 'bundle' ? finding : neither(pair, finding);
  }
  return findBadRecord(pair, { entries, origin }) ?? leafHashes;
}

/** Reads as far as can be, so that the first wrong entry is named even where a wrong length shifts all behind it. */
function readEntries({ bundle, width }: StoredPair): Entries {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const entries: { byteOffset: number; bytes: Uint8Array }[] = [];
  let offset = 0;
  while (entries.length < width) {
    const start = offset + LENGTH_BYTES;
    const end = start <= bundle.length ? start + view.getUint16(offset) : Infinity;
    if (end > bundle.length) return { entries, brokenAt: offset };
    entries.push({ byteOffset: offset, bytes: bundle.subarray(start, end) });
    offset = end;
  }
  return { entries, brokenAt: offset === bundle.length ? undefined : offset };
}

async function whichLeads(
  { tile, width }: StoredPair,
  { leafHashes, leadsUpward }: { leafHashes: readonly Uint8Array[]; leadsUpward: LeadsUpward },
): Promise<'bundle' | 'tile' | 'neither' | AuditFinding> {
  const bundleLeads = await leadsUpward(leafHashes);
  if (typeof bundleLeads !== 'boolean') return bundleLeads;
  if (bundleLeads) return 'bundle';
  if (tile.length !== width * HASH_BYTES) return 'neither';
  const stored = leafHashes.map((_, i) => tile.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
  const tileLeads = await leadsUpward(stored);
  if (typeof tileLeads !== 'boolean') return tileLeads;
  return tileLeads ? 'tile' : 'neither';
}

function badBundle({ bundlePath }: StoredPair, byteOffset: number): AuditFinding {
  return {
    code: 'BAD_BUNDLE',
    path: bundlePath,
    byteOffset,
    message: `${bundlePath} differs in the entry that begins at byte ${byteOffset} from what the ledger committed to.`,
  };
}

function neither({ bundlePath, tilePath }: StoredPair, finding: AuditFinding): AuditFinding {
  const message = `${tilePath} and ${bundlePath} disagree at byte ${finding.byteOffset ?? 0} of the tile, and neither leads to the hash above them.`;
  return { ...finding, message };
}

function findBadRecord(
  { bundlePath }: StoredPair,
  { entries, origin }: { entries: Entries['entries']; origin: Origin },
): AuditFinding | undefined {
  for (const { byteOffset, bytes } of entries) {
    const reason = reasonAgainst(bytes, origin);
    if (reason !== undefined) {
      const message = `${bundlePath} has at byte ${byteOffset} an entry that should not be there: ${reason}`;
      return { code: 'BAD_RECORD', path: bundlePath, byteOffset, message };
    }
  }
  return undefined;
}

function reasonAgainst(entry: Uint8Array, origin: Origin): string | undefined {
  try {
    const isPublic = /\/ledger\/public(?:\/[0-9]{1,3})?$/.test(origin);
    if (isSealedEntry(entry)) {
      parseSealedEntry(entry);
      return isPublic ? 'it is sealed, and the ledger is public.' : undefined;
    }
    const record = parseRecord(entry);
    if (!origin.startsWith(`${record.organisation}/ledger/`))
      return `it is a record of ${record.organisation}.`;
    return isPublic || !namesRepository(record) ? undefined : 'it names a repository in the clear.';
  } catch (error) {
    if (error instanceof RecordError) return error.message;
    throw error;
  }
}

/** Whether the record says, to whoever can read it, that a repository is there. */
function namesRepository(record: LedgerRecord): boolean {
  return isManifestRecord(record) || record.kind === 'repository-withdrawn';
}
