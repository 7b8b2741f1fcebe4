import {
  type Checkpoint,
  type Equivocation,
  parseCheckpoint,
  parseNote,
  proveConsistency,
  requireOrigin,
  rootFromTiles,
  type TileReader,
  type VerifierKey,
  verifyNote,
} from '@dockchains/tlog';

/** A signed head: its checkpoint and the whole note, in which the log's signature was verified. */
export type SignedHead = Checkpoint & { readonly note: string };

// A log must not get away with two histories because it adds lines, which witnesses cosign.
const MAX_EXTENSIONS = 16;

/** Reads a note and verifies that this log signed it, with one of its keys. @throws TlogError as verifyNote, parseCheckpoint */
export function openHead(source: string | Uint8Array, ...logKeys: readonly VerifierKey[]): SignedHead {
  const note = parseNote(source);
  const checkpoint = parseCheckpoint(note.text, { maxExtensions: MAX_EXTENSIONS });
  for (const { key } of verifyNote(note, logKeys)) requireOrigin(checkpoint.origin, key.name);
  return { ...checkpoint, note: typeof source === 'string' ? source : Buffer.from(source).toString('utf8') };
}

/** Reads a note that was verified before it was kept; its key may have been replaced since. @throws TlogError */
export function reopenHead(note: string): SignedHead {
  return { ...parseCheckpoint(parseNote(note).text, { maxExtensions: MAX_EXTENSIONS }), note };
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
