import {
  appendToTree,
  type Checkpoint,
  computeTile,
  type DerivedTile,
  entriesPath,
  HASH_BYTES,
  partialTiles,
  rootWith,
  TILE_WIDTH,
  tilePath,
  tileRoot,
  tileWidth,
  type TiledTree,
} from '@dockchains/tlog';

import { checkPair, type LeadsUpward, type StoredPair } from './audit-bundle.ts';
import { type AuditFinding, compareTile, isFinding, readOrFind } from './audit-finding.ts';
import { inOrder } from './in-order.ts';
import type { LogReader } from './log.ts';

/** A walk over all bundles that `checkpoint` covers, from `start` on. */
export type Walk = {
  readonly reader: LogReader;
  readonly checkpoint: Checkpoint;
  /** A multiple of 256 entries. */
  readonly start: TiledTree;
  /** An earlier checkpoint, not before `start` and not after `checkpoint`, that the tree must run through. */
  readonly earlier: { readonly size: bigint; readonly root: Uint8Array } | undefined;
  /** Called after each bundle with the tree that is checked, full bundles only. */
  readonly onBundle: (tree: TiledTree) => Promise<void>;
};

const WIDTH = BigInt(TILE_WIDTH);
const IN_FLIGHT = 8;

/** Checks every bundle and tile; gives the tree of all full bundles, from which a later walk can start. */
export async function walkLog(walk: Walk): Promise<TiledTree | AuditFinding> {
  const { checkpoint, reader, start, earlier } = walk;
  const pairs = inOrder(bundleIndices(start.size / WIDTH, checkpoint.size), {
    width: IN_FLIGHT,
    start: async (index) => ({ index, pair: await readPair(reader, index, checkpoint.size) }),
  });
  let tree = start;
  if (isForkedAt(earlier, tree, [])) return forked(tree.size);

  for await (const { index, pair } of pairs) {
    if (isFinding(pair)) return pair;
    const leadsUpward = upwardOf(walk, { index, tree, width: pair.width });
    const leafHashes = await checkPair(pair, { origin: checkpoint.origin, leadsUpward });
    if (isFinding(leafHashes)) return leafHashes;
    if (isForkedAt(earlier, tree, leafHashes)) return forked(earlier?.size ?? 0n);

    const { tree: next, filled } = appendToTree(tree, leafHashes);
    const finding =
      (await compareAll(reader, filled)) ??
      (next.size === checkpoint.size ? await finish(walk, next) : undefined);
    if (finding !== undefined) return finding;
    if (pair.width < TILE_WIDTH) return tree;
    tree = next;
    await walk.onBundle(tree);
  }
  return tree.size === start.size ? ((await finish(walk, tree)) ?? tree) : tree;
}

function* bundleIndices(first: bigint, size: bigint): Generator<bigint> {
  for (let index = first; index * WIDTH < size; index += 1n) yield index;
}

async function readPair(reader: LogReader, index: bigint, size: bigint): Promise<StoredPair | AuditFinding> {
  const width = tileWidth(0, index, size);
  const paths = { bundlePath: entriesPath({ index, width }), tilePath: tilePath({ level: 0, index, width }) };
  const [bundle, tile] = await Promise.all([
    readOrFind(paths.bundlePath, reader.readBundle({ index, width })),
    readOrFind(paths.tilePath, reader.readTile({ level: 0, index, width })),
  ]);
  if (isFinding(bundle)) return bundle;
  if (isFinding(tile)) return tile;
  return { ...paths, bundle, tile, width };
}

/** A full tile's root stands in the tile above; the last, partial one is judged by the signed root. */
function upwardOf(
  { reader, checkpoint }: Walk,
  { index, tree, width }: { index: bigint; tree: TiledTree; width: number },
): LeadsUpward {
  if (width < TILE_WIDTH) {
    return (leafHashes) => Promise.resolve(isEqual(rootWith(tree, leafHashes), checkpoint.root));
  }
  return async (leafHashes) => {
    const above = { level: 1, index: index / WIDTH };
    const id = { ...above, width: tileWidth(above.level, above.index, checkpoint.size) };
    const parent = await readOrFind(tilePath(id), reader.readTile(id));
    if (isFinding(parent)) return parent;
    const offset = Number(index % WIDTH) * HASH_BYTES;
    return isEqual(tileRoot(computeTile(leafHashes)), parent.subarray(offset, offset + HASH_BYTES));
  };
}

async function compareAll(
  reader: LogReader,
  tiles: readonly DerivedTile[],
): Promise<AuditFinding | undefined> {
  for (const { id, bytes } of tiles) {
    const path = tilePath(id);
    const stored = await readOrFind(path, reader.readTile(id));
    const finding = isFinding(stored) ? stored : compareTile(path, stored, bytes);
    if (finding !== undefined) return finding;
  }
  return undefined;
}

async function finish({ reader, checkpoint }: Walk, tree: TiledTree): Promise<AuditFinding | undefined> {
  const finding = await compareAll(reader, partialTiles(tree));
  if (finding !== undefined || isEqual(rootWith(tree, []), checkpoint.root)) return finding;
  const message = `The ${checkpoint.size} entries agree with all tiles, but their root is not the one that was signed.`;
  return { code: 'BAD_ROOT', path: 'checkpoint', message };
}

/** Whether the earlier checkpoint lies within these leaves and has another root than the tree had there. */
function isForkedAt(earlier: Walk['earlier'], tree: TiledTree, leafHashes: readonly Uint8Array[]): boolean {
  if (earlier === undefined || earlier.size < tree.size) return false;
  const count = earlier.size - tree.size;
  if (count > BigInt(leafHashes.length)) return false;
  return !isEqual(rootWith(tree, leafHashes.slice(0, Number(count))), earlier.root);
}

function forked(size: bigint): AuditFinding {
  return {
    code: 'FORKED',
    path: 'checkpoint',
    message: `The ledger no longer has the first ${size} entries that were audited before: two histories were signed. Keep the state file and the checkpoint as evidence.`,
  };
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
