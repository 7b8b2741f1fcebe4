import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  type Consistency,
  hashLeaf,
  type Inclusion,
  TlogError,
  verifyConsistency,
  verifyInclusion,
} from './index.ts';
import { naivePath, naiveProof, naiveRoot } from './testing/naive-tree.ts';
import { refused } from './testing/refused.ts';

const leaves = Array.from({ length: 64 }, (_, i) => hashLeaf(Buffer.from(String(i))));

function inclusion(index: number, size: number): Inclusion {
  const tree = leaves.slice(0, size);
  const leafHash = leaves[index] ?? new Uint8Array();
  return {
    index: BigInt(index),
    size: BigInt(size),
    leafHash,
    proof: naivePath(index, tree),
    root: naiveRoot(tree),
  };
}

function consistency(oldSize: number, newSize: number): Consistency {
  const tree = leaves.slice(0, newSize);
  return {
    oldSize: BigInt(oldSize),
    newSize: BigInt(newSize),
    oldRoot: naiveRoot(leaves.slice(0, oldSize)),
    newRoot: naiveRoot(tree),
    proof: naiveProof(oldSize, tree),
  };
}

const verdict = <Claim>(verify: (claim: Claim) => void, claim: Claim): string => {
  try {
    verify(claim);
    return 'verified';
  } catch (error) {
    if (error instanceof TlogError) return error.code;
    throw error;
  }
};

/** Every way in which one hash of a proof can be spoilt without spoiling its shape. */
function spoiltProofs(proof: readonly Uint8Array[]): Uint8Array[][] {
  return proof.map((hash, i) => {
    const flipped = Buffer.from(hash);
    flipped.writeUInt8(flipped.readUInt8(i % 32) ^ (1 << (i % 8)), i % 32);
    return proof.with(i, flipped);
  });
}

const pair = fc
  .integer({ min: 1, max: leaves.length })
  .chain((size) => fc.tuple(fc.integer({ min: 0, max: size - 1 }), fc.constant(size)));

test('an inclusion proof verifies for its own leaf, index and size alone', () => {
  fc.assert(
    fc.property(pair, pair, ([index, size], [otherIndex, otherSize]) => {
      const claim = inclusion(index, size);
      expect(verdict(verifyInclusion, claim)).toBe('verified');
      for (const proof of spoiltProofs(claim.proof)) {
        expect(verdict(verifyInclusion, { ...claim, proof })).toBe('BAD_ROOT');
      }
      if (otherIndex !== index) {
        const other = leaves[otherIndex] ?? new Uint8Array();
        expect(verdict(verifyInclusion, { ...claim, leafHash: other })).toBe('BAD_ROOT');
        expect(verdict(verifyInclusion, { ...claim, index: BigInt(otherIndex) })).not.toBe('verified');
      }
      if (otherSize !== size) {
        const root = naiveRoot(leaves.slice(0, otherSize));
        expect(verdict(verifyInclusion, { ...claim, size: BigInt(otherSize), root })).not.toBe('verified');
      }
    }),
  );
});

test('a consistency proof verifies for its own two trees alone', () => {
  fc.assert(
    fc.property(pair, ([before, newSize]) => {
      const claim = consistency(before + 1, newSize);
      expect(verdict(verifyConsistency, claim)).toBe('verified');
      for (const proof of spoiltProofs(claim.proof)) {
        expect(verdict(verifyConsistency, { ...claim, proof })).toBe('BAD_ROOT');
      }
      const forked = naiveRoot([...leaves.slice(0, newSize - 1), hashLeaf(Buffer.from('another'))]);
      expect(verdict(verifyConsistency, { ...claim, newRoot: forked })).toBe('BAD_ROOT');
      expect(verdict(verifyConsistency, { ...claim, oldRoot: forked })).toBe('BAD_ROOT');
    }),
  );
});

const short = Buffer.alloc(31);

test.each([
  { name: 'an index at the size', change: { index: 7n }, code: 'BAD_INDEX' },
  { name: 'a negative index', change: { index: -1n }, code: 'BAD_INDEX' },
  { name: 'size 0', change: { index: 0n, size: 0n }, code: 'BAD_INDEX' },
  { name: 'a short leaf hash', change: { leafHash: short }, code: 'BAD_HASH' },
  { name: 'a short root', change: { root: short }, code: 'BAD_HASH' },
  { name: 'a long hash in the proof', change: { proof: [Buffer.alloc(33)] }, code: 'BAD_HASH' },
  { name: 'no hashes', change: { proof: [] }, code: 'BAD_PROOF' },
  { name: 'a hash too many', change: { proof: leaves.slice(0, 4) }, code: 'BAD_PROOF' },
  { name: '64 hashes', change: { proof: leaves }, code: 'BAD_PROOF' },
  { name: 'another root', change: { root: naiveRoot(leaves) }, code: 'BAD_ROOT' },
] as const)('refuses an inclusion proof with $name', ({ change, code }) => {
  expect(() => {
    verifyInclusion({ ...inclusion(3, 7), ...change });
  }).toThrow(refused(code));
});

test.each([
  { name: 'old size 0', change: { oldSize: 0n, proof: [] }, code: 'BAD_SIZE' },
  { name: 'a negative size', change: { oldSize: -3n }, code: 'BAD_SIZE' },
  { name: 'a tree that shrinks', change: { oldSize: 8n }, code: 'BAD_SIZE' },
  { name: 'hashes though the sizes are equal', change: { oldSize: 7n }, code: 'BAD_PROOF' },
  { name: 'equal sizes and different roots', change: { oldSize: 7n, proof: [] }, code: 'BAD_ROOT' },
  { name: 'a short old root', change: { oldRoot: short }, code: 'BAD_HASH' },
  { name: 'an empty new root', change: { newRoot: new Uint8Array() }, code: 'BAD_HASH' },
  { name: 'a short hash in the proof', change: { proof: [short] }, code: 'BAD_HASH' },
  { name: 'no hashes', change: { proof: [] }, code: 'BAD_PROOF' },
  { name: 'too few hashes', change: { proof: leaves.slice(0, 2) }, code: 'BAD_PROOF' },
  { name: 'too many hashes', change: { proof: leaves.slice(0, 5) }, code: 'BAD_PROOF' },
] as const)('refuses a consistency proof with $name', ({ change, code }) => {
  expect(() => {
    verifyConsistency({ ...consistency(3, 7), ...change });
  }).toThrow(refused(code));
});

const vectors = fileURLToPath(new URL('../../../../shared/vectors/merkle', import.meta.url));
const absent = `${vectors} is not there`;

/** The vectors' JSON: hashes in base64, null for no proof. A size over 2^53 is rounded, which changes no verdict. */
type Vector = { proof: string[] | null; wantErr: boolean };
type InclusionVector = Vector & { leafIdx: number; treeSize: number; leafHash: string; root: string };
type ConsistencyVector = Vector & { size1: number; size2: number; root1: string; root2: string };

const read = <V extends Vector>(folder: string): V[] =>
  globSync('**/*.json', { cwd: join(vectors, folder) }).map(
    (file) => JSON.parse(readFileSync(join(vectors, folder, file), 'utf8')) as V,
  );
const bytes = (base64: string): Uint8Array => Buffer.from(base64, 'base64');

test('agrees with all 98 inclusion vectors of transparency-dev/merkle', ({ skip }) => {
  skip(!existsSync(vectors), absent);
  const found = read<InclusionVector>('inclusion');
  expect(found).toHaveLength(98);
  for (const { leafIdx, treeSize, leafHash, proof, root, wantErr } of found) {
    const outcome = verdict(verifyInclusion, {
      index: BigInt(leafIdx),
      size: BigInt(treeSize),
      leafHash: bytes(leafHash),
      proof: (proof ?? []).map(bytes),
      root: bytes(root),
    });
    expect(outcome !== 'verified').toBe(wantErr);
  }
});

test('agrees with 97 of 98 consistency vectors of transparency-dev/merkle, and refuses the one with short roots', ({
  skip,
}) => {
  skip(!existsSync(vectors), absent);
  const found = read<ConsistencyVector>('consistency');
  expect(found).toHaveLength(98);
  const differing = found.filter(({ size1, size2, root1, root2, proof, wantErr }) => {
    const outcome = verdict(verifyConsistency, {
      oldSize: BigInt(size1),
      newSize: BigInt(size2),
      oldRoot: bytes(root1),
      newRoot: bytes(root2),
      proof: (proof ?? []).map(bytes),
    });
    return (outcome !== 'verified') !== wantErr;
  });
  expect(differing.map(({ wantErr, root1 }) => ({ wantErr, rootBytes: bytes(root1).length }))).toEqual([
    { wantErr: false, rootBytes: 12 },
  ]);
});
