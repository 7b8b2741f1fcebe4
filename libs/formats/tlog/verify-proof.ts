import { equalBytes } from './encoding.ts';
import { TlogError } from './errors.ts';
import { hashNode, requireHash } from './hash.ts';

/** Hashes that a proof can have: one for each binary level of the largest tree, 2^63 - 1 leaves. */
export const MAX_PROOF_HASHES = 63;

/** A claim that the leaf at `index` is in the tree of `size` leaves; hashes have 32 bytes, `proof` runs from the leaf's sibling up. */
export type Inclusion = {
  index: bigint;
  size: bigint;
  leafHash: Uint8Array;
  proof: readonly Uint8Array[];
  root: Uint8Array;
};

/** A claim that the tree of `oldSize` leaves is a prefix of the one of `newSize`; hashes have 32 bytes. */
export type Consistency = {
  oldSize: bigint;
  newSize: bigint;
  oldRoot: Uint8Array;
  newRoot: Uint8Array;
  proof: readonly Uint8Array[];
};

/**
 * Verifies an inclusion proof (RFC 9162 §2.1.3.2).
 * @throws TlogError BAD_INDEX if the index is not in the tree, BAD_HASH, BAD_PROOF for the wrong number of hashes, BAD_ROOT if it leads elsewhere
 */
export function verifyInclusion({ index, size, leafHash, proof, root }: Inclusion): void {
  requireHashes(proof, leafHash, root);
  if (index < 0n || index >= size) {
    throw new TlogError(
      'BAD_INDEX',
      `There is no leaf ${index.toString()} in a tree of ${size.toString()} leaves.`,
    );
  }

  let fn = index;
  let sn = size - 1n;
  let computed = leafHash;
  for (const sibling of proof) {
    if (sn === 0n) throw wrongLength();
    if (isOdd(fn) || fn === sn) {
      computed = hashNode(sibling, computed);
      // The last node of its level has no sibling until it is a right child.
      while (!isOdd(fn) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      computed = hashNode(computed, sibling);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  if (sn !== 0n) throw wrongLength();
  requireRoot(computed, root, size);
}

/**
 * Verifies a consistency proof (RFC 9162 §2.1.4.2). Size 0 is none of its cases: every tree extends the empty one, and whoever allows that says so first.
 * @throws TlogError BAD_SIZE unless 0 < oldSize ≤ newSize, BAD_HASH, BAD_PROOF for the wrong number of hashes, BAD_ROOT if it leads elsewhere
 */
export function verifyConsistency({ oldSize, newSize, oldRoot, newRoot, proof }: Consistency): void {
  requireHashes(proof, oldRoot, newRoot);
  if (oldSize <= 0n || oldSize > newSize) {
    throw new TlogError(
      'BAD_SIZE',
      `No proof leads from ${oldSize.toString()} leaves to ${newSize.toString()}.`,
    );
  }
  if (oldSize === newSize) {
    if (proof.length > 0) throw wrongLength();
    requireRoot(oldRoot, newRoot, newSize);
    return;
  }

  const computed = computeRoots({ oldSize, newSize, oldRoot, proof });
  requireRoot(computed.old, oldRoot, oldSize);
  requireRoot(computed.new, newRoot, newSize);
}

/**
 * The root, 32 bytes, that a consistency proof shows the tree of `newRoot` to have had at `oldSize`, whatever root is claimed there: where it
 * is another one, the two trees are of two histories. Undefined if the proof shows nothing of that tree, or if `oldSize` is a
 * power of two, since then it does not contain that root.
 * @throws TlogError BAD_HASH
 */
export function findPrefixRoot({
  oldSize,
  newSize,
  newRoot,
  proof,
}: Omit<Consistency, 'oldRoot'>): Uint8Array | undefined {
  if (proof.length > MAX_PROOF_HASHES || oldSize <= 0n || oldSize >= newSize) return undefined;
  if ((oldSize & (oldSize - 1n)) === 0n) return undefined;
  requireHashes(proof, newRoot);
  try {
    const computed = computeRoots({ oldSize, newSize, oldRoot: newRoot, proof });
    return equalBytes(computed.new, newRoot) ? computed.old : undefined;
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}

/** Both roots that a proof between sizes 0 < oldSize < newSize leads to. @throws TlogError BAD_PROOF for the wrong number of hashes */
function computeRoots({ oldSize, newSize, oldRoot, proof }: Omit<Consistency, 'newRoot'>): {
  old: Uint8Array;
  new: Uint8Array;
} {
  let fn = oldSize - 1n;
  let sn = newSize - 1n;
  while (isOdd(fn)) [fn, sn] = [fn >> 1n, sn >> 1n];
  // An old tree that is one perfect subtree is a node of the new one, and its root is left out of the proof.
  const [start, ...path] = fn === 0n ? [oldRoot, ...proof] : proof;
  if (start === undefined) throw wrongLength();

  let computedOld = start;
  let computedNew = start;
  for (const sibling of path) {
    if (sn === 0n) throw wrongLength();
    if (isOdd(fn) || fn === sn) {
      computedOld = hashNode(sibling, computedOld);
      computedNew = hashNode(sibling, computedNew);
      while (!isOdd(fn) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      computedNew = hashNode(computedNew, sibling);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  if (sn !== 0n) throw wrongLength();
  return { old: computedOld, new: computedNew };
}

function isOdd(value: bigint): boolean {
  return (value & 1n) === 1n;
}

function requireHashes(proof: readonly Uint8Array[], ...others: Uint8Array[]): void {
  if (proof.length > MAX_PROOF_HASHES) throw wrongLength();
  proof.forEach(requireHash);
  others.forEach(requireHash);
}

function requireRoot(computed: Uint8Array, root: Uint8Array, size: bigint): void {
  if (equalBytes(computed, root)) return;
  throw new TlogError(
    'BAD_ROOT',
    `The proof does not lead to the given root of the tree of ${size.toString()} leaves.`,
  );
}

function wrongLength(): TlogError {
  return new TlogError('BAD_PROOF', 'The proof has not as many hashes as the sizes ask for.');
}
