import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import {
  addSignatures,
  cosign,
  createCosigner,
  createNoteSigner,
  encodeProofFile,
  hashLeaf,
  parseOrigin,
  parsePolicy,
  parseProofFile,
  type Policy,
  signCheckpoint,
  verifyProofFile,
} from './index.ts';
import { privateKeyOf } from './testing/keys.ts';
import { naivePath, naiveRoot } from './testing/naive-tree.ts';
import { refused } from './testing/refused.ts';

test('verifies a proof that other implementations made, and writes the same file', () => {
  const vector = readFileSync(new URL('vectors/go-70000.tlog-proof', import.meta.url));
  const policy = parsePolicy(
    [
      'log acme.example/ledger/public+df7c8cae+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c',
      'witness globex globex.example/witness+6c1e5885+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU',
      'quorum globex',
    ].join('\n'),
  );
  const file = parseProofFile(vector);
  expect(file).toMatchObject({ index: 65_535n, extra: Buffer.from('65535') });
  expect(encodeProofFile(file)).toBe(vector.toString());
  const { checkpoint, witnesses } = verifyProofFile(file, policy, hashLeaf(Buffer.from('65535')));
  expect(checkpoint).toMatchObject({ origin: 'acme.example/ledger/public', size: 70_000n });
  expect(witnesses).toMatchObject([{ name: 'globex' }]);
});

const ORIGIN = parseOrigin('acme.example/ledger/public');
const log = createNoteSigner({ name: ORIGIN, privateKey: privateKeyOf(1) });
const witness = createCosigner({ name: 'globex.example/witness', privateKey: privateKeyOf(2) });
const policy: Policy = {
  logs: [{ key: log.verifierKey }],
  witnesses: [{ name: 'globex', key: witness.verifierKey }],
  groups: [],
  quorum: 'globex',
};
const entries = Array.from({ length: 5 }, (_, i) => Buffer.from(`entry ${i}`));
const leaves = entries.map(hashLeaf);
const root = naiveRoot(leaves);

function cosigned(signer = log): string {
  const note = signCheckpoint({ origin: parseOrigin(signer.name), size: 5n, root }, signer);
  return addSignatures(note, [cosign(note, witness, 1_700_000_000n)]);
}

const extra = Buffer.from('entry 2');
const file = { extra, index: 2n, hashes: naivePath(2, leaves), checkpoint: cosigned() };
const text = encodeProofFile(file);

/** What a verifier does that takes the entry from the file itself; gives the entry. */
function verifyEntry(source: string | Uint8Array): string {
  const parsed = parseProofFile(source);
  const entry = parsed.extra ?? new Uint8Array();
  verifyProofFile(parsed, policy, hashLeaf(entry));
  return Buffer.from(entry).toString();
}

test('reads and verifies what it wrote', () => {
  expect(parseProofFile(text)).toEqual(file);
  expect(parseProofFile(Buffer.from(text))).toEqual(file);
  expect(verifyEntry(text)).toBe('entry 2');
});

test('no flip of a single bit leaves a proof that verifies', () => {
  const bytes = Buffer.from(text);
  const survivors: number[] = [];
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    try {
      verifyEntry(flipped);
      survivors.push(bit);
    } catch (error) {
      expect(error).toMatchObject({ name: 'TlogError' });
    }
  }
  expect(survivors).toEqual([]);
});

test('no cut of the file leaves a proof that verifies', () => {
  for (let length = 0; length < text.length; length += 1) {
    expect(() => verifyEntry(text.slice(0, length))).toThrow(expect.objectContaining({ name: 'TlogError' }));
  }
});

test('a tree of one entry has a proof without hashes', () => {
  const [only = Buffer.alloc(0)] = entries;
  const checkpoint = signCheckpoint({ origin: ORIGIN, size: 1n, root: hashLeaf(only) }, log);
  const single = encodeProofFile({ index: 0n, hashes: [], checkpoint });
  expect(single.startsWith('c2sp.org/tlog-proof@v1\nindex 0\n\nacme.example')).toBe(true);
  expect(parseProofFile(single)).toEqual({ index: 0n, hashes: [], checkpoint });
  verifyProofFile(parseProofFile(single), { ...policy, quorum: 'none' }, hashLeaf(only));
});

test.each([
  { name: 'another entry', leaf: 3, change: {}, code: 'BAD_ROOT' },
  { name: 'another index', leaf: 2, change: { index: 3n }, code: 'BAD_ROOT' },
  { name: 'an index outside the tree', leaf: 2, change: { index: 5n }, code: 'BAD_INDEX' },
  { name: 'a hash too few', leaf: 2, change: { hashes: file.hashes.slice(1) }, code: 'BAD_PROOF' },
  { name: 'the proof of another entry', leaf: 2, change: { hashes: naivePath(1, leaves) }, code: 'BAD_ROOT' },
] as const)('does not verify with $name', ({ leaf, change, code }) => {
  const leafHash = leaves[leaf] ?? new Uint8Array();
  expect(() => verifyProofFile({ ...file, ...change }, policy, leafHash)).toThrow(refused(code));
});

test('does not verify under the checkpoint of a log that is not trusted, or without its quorum', () => {
  const leafHash = hashLeaf(extra);
  const impostor = createNoteSigner({ name: ORIGIN, privateKey: privateKeyOf(3) });
  const other = createNoteSigner({ name: 'evil.example/ledger/public', privateKey: privateKeyOf(4) });
  for (const signer of [impostor, other]) {
    const forged = { ...file, checkpoint: cosigned(signer) };
    expect(() => verifyProofFile(forged, policy, leafHash)).toThrow(refused('UNKNOWN_SIGNER'));
  }
  const alone = { ...file, checkpoint: signCheckpoint({ origin: ORIGIN, size: 5n, root }, log) };
  expect(() => verifyProofFile(alone, policy, leafHash)).toThrow(refused('QUORUM_NOT_MET'));
});

const HASH = 'Gkzfy2Y3SgwNy+9JrL1JdtE+6GT7PLJB/JQ8rQTwL34=';
const NOTE = file.checkpoint;
const HEADER = 'c2sp.org/tlog-proof@v1\n';

test.each([
  { name: 'nothing in it', source: '' },
  { name: 'no blank line', source: `${HEADER}index 0\n` },
  { name: 'another version', source: `c2sp.org/tlog-proof@v2\nindex 0\n\n${NOTE}` },
  { name: 'a byte order mark', source: `\ufeff${HEADER}index 0\n\n${NOTE}` },
  { name: 'CRLF', source: text.replaceAll('\n', '\r\n') },
  { name: 'no index', source: `${HEADER}${HASH}\n\n${NOTE}` },
  { name: 'an empty index', source: `${HEADER}index \n\n${NOTE}` },
  { name: 'a leading zero in the index', source: `${HEADER}index 01\n\n${NOTE}` },
  { name: 'a signed index', source: `${HEADER}index +1\n\n${NOTE}` },
  { name: 'an index of 2^63', source: `${HEADER}index 9223372036854775808\n\n${NOTE}` },
  { name: 'two index lines', source: `${HEADER}index 0\nindex 0\n\n${NOTE}` },
  { name: 'extra behind the index', source: `${HEADER}index 0\nextra AAAA\n\n${NOTE}` },
  { name: 'extra twice', source: `${HEADER}extra AAAA\nextra AAAA\nindex 0\n\n${NOTE}` },
  { name: 'empty extra', source: `${HEADER}extra \nindex 0\n\n${NOTE}` },
  { name: 'extra without padding', source: `${HEADER}extra AA\nindex 0\n\n${NOTE}` },
  { name: 'a short hash', source: `${HEADER}index 0\nAAAA\n\n${NOTE}` },
  { name: 'a hash without padding', source: `${HEADER}index 0\n${HASH.slice(0, -1)}\n\n${NOTE}` },
  { name: 'a hash with a space behind', source: `${HEADER}index 0\n${HASH} \n\n${NOTE}` },
  { name: '64 hashes', source: `${HEADER}index 0\n${`${HASH}\n`.repeat(64)}\n${NOTE}` },
  { name: '10,000 hashes', source: `${HEADER}index 0\n${`${HASH}\n`.repeat(10_000)}\n${NOTE}` },
  { name: 'more than 1 MiB', source: `${HEADER}extra ${'A'.repeat(1024 * 1024)}\nindex 0\n\n${NOTE}` },
])('refuses a proof file with $name', ({ source }) => {
  expect(() => parseProofFile(source)).toThrow(refused('BAD_PROOF_FILE'));
});

test('refuses a proof file without a checkpoint, or with another blank line before it', () => {
  expect(() => parseProofFile(`${HEADER}index 0\n\n`)).toThrow(refused('BAD_NOTE'));
  const doubled = parseProofFile(text.replace('\n\n', '\n\n\n'));
  expect(() => verifyProofFile(doubled, policy, hashLeaf(extra))).toThrow(refused('BAD_CHECKPOINT'));
});

test('takes 63 hashes', () => {
  const longest = `${HEADER}index 0\n${`${HASH}\n`.repeat(63)}\n${NOTE}`;
  expect(parseProofFile(longest).hashes).toHaveLength(63);
});

test.each([
  { name: 'a negative index', change: { index: -1n } },
  { name: 'empty extra', change: { extra: new Uint8Array() } },
  { name: 'a short hash', change: { hashes: [Buffer.alloc(31)] } },
  { name: '64 hashes', change: { hashes: Array.from({ length: 64 }, () => Buffer.alloc(32)) } },
] as const)('does not write a proof file with $name', ({ change }) => {
  expect(() => encodeProofFile({ ...file, ...change })).toThrow(refused('BAD_PROOF_FILE'));
});
