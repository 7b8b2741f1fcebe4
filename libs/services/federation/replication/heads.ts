import {
  type Checkpoint,
  type Equivocation,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
  proveConsistency,
  rootFromTiles,
  type TileReader,
  type VerifierKey,
} from '@dockchains/tlog';

/** A signed head: its checkpoint and the whole note, in which the log's signature was verified. */
export type SignedHead = Checkpoint & { readonly note: string };

/** Reads a note and verifies that this log signed it. @throws TlogError as openCheckpoint */
export function openHead(note: string | Uint8Array, logKey: VerifierKey): SignedHead {
  const { checkpoint } = openCheckpoint(note, logKey);
  return { ...checkpoint, note: typeof note === 'string' ? note : Buffer.from(note).toString('utf8') };
}

/** Reads a note that was verified before it was kept; its key may have been replaced since. @throws TlogError */
export function reopenHead(note: string): SignedHead {
  return { ...parseCheckpoint(parseNote(note).text), note };
}

/**
 * Compares a head with one of as many or more entries, of which `tiles` are the verified ones. Gives the proof if the log
 * cannot have had both; undefined if the larger extends the smaller.
 * @throws as the reader of tiles
 */
export async function findContradiction(
  smaller: SignedHead,
  larger: SignedHead,
  tiles: TileReader,
): Promise<Equivocation | undefined> {
  const notes = { older: smaller.note, newer: larger.note };
  if (smaller.size === larger.size) return isEqual(smaller.root, larger.root) ? undefined : notes;
  // Every tree extends the empty one.
  if (smaller.size === 0n) return undefined;
  const root = await rootFromTiles(smaller.size, tiles);
  if (isEqual(root, smaller.root)) return undefined;
  const proof = await proveConsistency(smaller.size, larger.size, tiles);
  return { ...notes, prefix: { root, proof } };
}

/** Whether two hashes are the same. */
export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
