import { describe, expect, test } from 'vitest';

import {
  computeTile,
  createNoteSigner,
  EMPTY_TREE,
  encodeEquivocation,
  type Equivocation,
  hashLeaf,
  parseEquivocation,
  parseOrigin,
  proveConsistency,
  rootWith,
  signCheckpoint,
  verifyEquivocation,
} from './index.ts';
import { privateKeyOf } from './testing/keys.ts';
import { refused } from './testing/refused.ts';

const ORIGIN = parseOrigin('acme.example/ledger/public');
const signer = createNoteSigner({ name: ORIGIN, privateKey: privateKeyOf(1) });
const stranger = createNoteSigner({ name: ORIGIN, privateKey: privateKeyOf(2) });

const leavesOf = (history: string, size: number): Uint8Array[] =>
  Array.from({ length: size }, (_, index) =>
    hashLeaf(Buffer.from(index < 3 ? `${index}` : `${history} ${index}`)),
  );
const noteOf = (leaves: readonly Uint8Array[], by = signer): string =>
  signCheckpoint({ origin: ORIGIN, size: BigInt(leaves.length), root: rootWith(EMPTY_TREE, leaves) }, by);

/** The proof that the history of `newer` had another root than `older` at its size. */
async function proofOf(older: readonly Uint8Array[], newer: readonly Uint8Array[]): Promise<Equivocation> {
  const proof = await proveConsistency(BigInt(older.length), BigInt(newer.length), ({ width }) =>
    Promise.resolve(computeTile(newer.slice(0, width))),
  );
  const root = rootWith(EMPTY_TREE, newer.slice(0, older.length));
  return { older: noteOf(older), newer: noteOf(newer), prefix: { root, proof } };
}

describe('two heads of one log', () => {
  test('L1: of one size with two roots are proven to contradict', () => {
    const proof = { older: noteOf(leavesOf('left', 7)), newer: noteOf(leavesOf('right', 7)) };
    const read = parseEquivocation(encodeEquivocation(proof));
    expect(read).toEqual(proof);
    expect(verifyEquivocation(read, [signer.verifierKey])).toMatchObject({ older: { size: 7n } });
  });

  test.each([
    [4, 9],
    [8, 9],
    [5, 200],
  ])(
    'L1: of %d and %d entries are proven to contradict, by what the larger tree was',
    async (older, newer) => {
      const proof = await proofOf(leavesOf('left', older), leavesOf('right', newer));
      const read = parseEquivocation(encodeEquivocation(proof));
      expect(encodeEquivocation(read)).toBe(encodeEquivocation(proof));
      expect(verifyEquivocation(read, [signer.verifierKey])).toMatchObject({
        older: { size: BigInt(older) },
        newer: { size: BigInt(newer) },
      });
    },
  );
});

describe('no proof is', () => {
  const left = leavesOf('left', 9);

  test('one head twice', () => {
    const proof = { older: noteOf(left), newer: noteOf(left) };
    expect(() => verifyEquivocation(proof, [signer.verifierKey])).toThrow(refused('BAD_EQUIVOCATION'));
  });

  test('two heads of one history', async () => {
    const proof = await proofOf(left.slice(0, 4), left);
    expect(() => verifyEquivocation(proof, [signer.verifierKey])).toThrow(refused('BAD_EQUIVOCATION'));
  });

  test('two sizes with nothing between them, or in the wrong order', () => {
    const [older, newer] = [noteOf(leavesOf('right', 4)), noteOf(left)];
    const verify = (proof: Equivocation) => () => verifyEquivocation(proof, [signer.verifierKey]);
    expect(verify({ older, newer })).toThrow(refused('BAD_EQUIVOCATION'));
    expect(verify({ older: newer, newer: older })).toThrow(refused('BAD_EQUIVOCATION'));
  });

  test('a prefix that the newer head does not have', async () => {
    const proof = await proofOf(leavesOf('right', 4), left);
    const root = rootWith(EMPTY_TREE, leavesOf('third', 4));
    const forged = { ...proof, prefix: { root, proof: proof.prefix?.proof ?? [] } };
    expect(() => verifyEquivocation(forged, [signer.verifierKey])).toThrow(refused('BAD_ROOT'));
  });

  test('a head that somebody else signed', () => {
    const proof = { older: noteOf(left), newer: noteOf(leavesOf('right', 9), stranger) };
    expect(() => verifyEquivocation(proof, [signer.verifierKey])).toThrow(refused('UNKNOWN_SIGNER'));
  });

  test.each([
    { name: 'nothing', text: '' },
    { name: 'another form', text: `c2sp.org/tlog-proof@v1\n\n${noteOf(left)}\n${noteOf(left)}` },
    { name: 'one note', text: `dockchains.org/equivocation@v1\n\n${noteOf(left)}` },
    {
      name: 'a short hash',
      text: `dockchains.org/equivocation@v1\nAAAA\n\n${noteOf(left)}\n${noteOf(left)}`,
    },
    {
      name: 'a third note',
      text: `dockchains.org/equivocation@v1\n\n${[left, left, left].map((leaves) => noteOf(leaves)).join('\n')}`,
    },
    {
      name: 'too many hashes',
      text: `dockchains.org/equivocation@v1\n${`${'A'.repeat(43)}=\n`.repeat(65)}\n${noteOf(left)}\n${noteOf(left)}`,
    },
    { name: 'too much', text: 'x'.repeat(128 * 1024 + 1) },
  ])('a file with $name', ({ text }) => {
    expect(() => parseEquivocation(text)).toThrow(refused('BAD_EQUIVOCATION'));
  });
});
