import type { Ledger } from '@dockchains/ledger';
import { proveConsistency, rootFromTiles, type TileReader } from '@dockchains/tlog';

import { isEqual } from '../replication/heads.ts';

/** A size of a ledger and the root that whoever asks says it has there. */
export type NamedHead = { readonly size: bigint; readonly root: Uint8Array };

/** The proof between two heads; or that one of them is not this ledger's, or not known here yet. */
export type ConsistencyAnswer = readonly Uint8Array[] | 'unknown' | 'beyond';

// A size, and 32 bytes in lowercase hexadecimal.
const HEAD = /^([1-9][0-9]{0,18})-([0-9a-f]{64})$/;

/** Reads how a head is named in a path; undefined for any other text. */
export function parseNamedHead(text: string): NamedHead | undefined {
  const [, size, root] = HEAD.exec(text) ?? [];
  if (size === undefined || root === undefined) return undefined;
  return { size: BigInt(size), root: Buffer.from(root, 'hex') };
}

/**
 * Proves that one head of a ledger extends another to whoever has both: the roots are known to nobody else, so that no hash
 * leaves that does not follow from two signed heads (RFC 6962 §2.1.2).
 */
export async function answerConsistency(
  ledger: Pick<Ledger, 'readTile'>,
  older: NamedHead,
  newer: NamedHead,
): Promise<ConsistencyAnswer> {
  if (older.size >= newer.size) return 'unknown';
  const seen = { isBeyond: false };
  const tiles: TileReader = async (tile) => {
    const bytes = await ledger.readTile(tile);
    if (bytes !== undefined) return bytes;
    seen.isBeyond = true;
    throw new Error('The signed tree does not reach so far.');
  };
  try {
    for (const { size, root } of [newer, older]) {
      if (!isEqual(await rootFromTiles(size, tiles), root)) return 'unknown';
    }
    return await proveConsistency(older.size, newer.size, tiles);
  } catch (error) {
    if (seen.isBeyond) return 'beyond';
    throw error;
  }
}
