import {
  appendToTree,
  EMPTY_TREE,
  encodeBundle,
  encodeNote,
  entriesPath,
  frontierRoot,
  hashLeaf,
  openCheckpoint,
  parseBundle,
  type TiledTree,
  TILE_WIDTH,
  tilePath,
} from '@dockchains/tlog';

import { keyOf, signedKey } from './context.ts';
import { LedgerError } from './errors.ts';
import type { LedgerFiles } from './file-entries.ts';
import type { KeptHead } from './heads.ts';
import { publishedKey } from './kept-published.ts';
import { encodeStagedBatch, stagedKey } from './staging.ts';

const WIDTH = BigInt(TILE_WIDTH);

/** A head of ours that somebody else kept, and how to have the entries below it, each verified under it before it is given. */
export interface Refill {
  readonly head: KeptHead;
  /** The newest note that was published, cosigned; at most as large as the head. */
  readonly published: KeptHead | undefined;
  /** The newest head that we are known to have signed, at least as large as the head: where it is larger, the ledger stays frozen. */
  readonly signed: KeptHead;
  /** In order from `start` on, which is a multiple of 256, in parts of one bundle. */
  readonly readEntries: (start: bigint) => AsyncIterable<readonly Uint8Array[]>;
}

/** The note that the files have as the last signed one; undefined if there is none. @throws TlogError if our key did not sign it */
export async function findSignedFile(files: LedgerFiles): Promise<KeptHead | undefined> {
  const bytes = await files.tiles.get(signedKey(files.name));
  if (bytes === undefined) return undefined;
  const { checkpoint } = openCheckpoint(bytes, files.verifierKey);
  return { size: checkpoint.size, root: Buffer.from(checkpoint.root), note: bytes.toString('utf8') };
}

/** Keeps a head as the last signed one, unless the files have a newer one. */
export function keepSignedFile(files: LedgerFiles, head: KeptHead): Promise<void> {
  return keepNewer(files, signedKey(files.name), { ...head, note: ownNote(files, head.note) });
}

async function keepNewer({ tiles, verifierKey }: LedgerFiles, key: string, head: KeptHead): Promise<void> {
  const kept = await tiles.get(key);
  if (kept !== undefined && openCheckpoint(kept, verifierKey).checkpoint.size > head.size) return;
  await tiles.replace(key, Buffer.from(head.note));
}

/**
 * Writes a ledger's files anew from what others kept of it: full bundles and tiles, the rest as one staged batch, and at the very end, when their root is
 * the head's, the published and the signed note. Without the last the ledger does not open, so that one that was interrupted is begun again; what
 * it has written stands, since it was verified under the head. Gives how many entries were taken.
 * @throws LedgerError CONTRADICTION if bundles that are here are of another history; what `readEntries` throws
 */
export async function refillFiles(
  files: LedgerFiles,
  { head, published, signed, readEntries }: Refill,
): Promise<{ taken: bigint }> {
  const { tiles, origin, name } = files;
  let { tree, size: start } = await appendOwnBundles(files);
  const first = start;
  let tail: readonly Uint8Array[] = [];
  if (start < head.size) {
    for await (const entries of readEntries(start)) {
      if (entries.length === TILE_WIDTH) {
        tree = await putBundle(files, tree, entries);
        start = tree.size;
      } else {
        tail = entries;
      }
    }
  }
  const whole = appendToTree(tree, tail.map(hashLeaf)).tree;
  if (whole.size !== head.size || Buffer.compare(frontierRoot(whole.frontier), head.root) !== 0) {
    throw new LedgerError(
      'CONTRADICTION',
      `The bundles in the tile store do not give the root that ${origin} signed at ${head.size}: move what lies under ${keyOf(name, '')} away and recover again.`,
    );
  }
  if (tail.length > 0) {
    const batch = { start, end: head.size, root: head.root };
    // Over what a torn disk may have left under this name: it reaches less far down.
    await tiles.replace(stagedKey(name, batch), encodeStagedBatch({ ...batch, origin, entries: tail }));
  }
  if (published !== undefined) await keepNewer(files, publishedKey(name), published);
  await keepSignedFile(files, signed);
  return { taken: head.size - first };
}

/** Full bundles that are here already are hashed, so that the root says whether they belong to the head. */
async function appendOwnBundles(files: LedgerFiles): Promise<{ tree: TiledTree; size: bigint }> {
  let tree = EMPTY_TREE;
  for (;;) {
    const path = entriesPath({ index: tree.size / WIDTH, width: TILE_WIDTH });
    const bytes = await files.tiles.get(keyOf(files.name, path));
    if (bytes === undefined) return { tree, size: tree.size };
    tree = await putBundle(files, tree, parseBundle(bytes, TILE_WIDTH));
  }
}

async function putBundle(
  { tiles, name }: LedgerFiles,
  tree: TiledTree,
  entries: readonly Uint8Array[],
): Promise<TiledTree> {
  const index = tree.size / WIDTH;
  const leaves = entries.map(hashLeaf);
  const appended = appendToTree(tree, leaves);
  const full = { index, width: TILE_WIDTH };
  await tiles.putIfAbsent(keyOf(name, entriesPath(full)), encodeBundle(entries));
  await tiles.putIfAbsent(keyOf(name, tilePath({ level: 0, ...full })), Buffer.concat(leaves));
  for (const { id, bytes } of appended.filled) await tiles.putIfAbsent(keyOf(name, tilePath(id)), bytes);
  return appended.tree;
}

/** The note with the log's own signatures alone. */
function ownNote({ origin, verifierKey }: LedgerFiles, note: string): string {
  const { note: opened } = openCheckpoint(note, verifierKey);
  const own = opened.signatures.filter(({ name, keyId }) => name === origin && keyId === verifierKey.keyId);
  return encodeNote(opened.text, [...new Set(own.map(({ line }) => line))]);
}
