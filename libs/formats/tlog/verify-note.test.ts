import { expect, test } from 'vitest';

import {
  createCosigner,
  createNoteSigner,
  createVerifierKey,
  ED25519_TYPE,
  encodeNote,
  parseNote,
  parseVerifierKey,
  type VerifierKey,
  verifyNote,
} from './index.ts';
import { privateKeyOf } from './testing/keys.ts';
import { refused } from './testing/refused.ts';

test.each([
  {
    name: 'signed-note',
    vkey: 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
    note: 'This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n',
  },
  {
    name: 'golang.org/x/mod, sumdb/note',
    vkey: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    note: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
  },
])('verifies the example of $name, and no other text', ({ vkey, note }) => {
  const key = parseVerifierKey(vkey);
  expect(verifyNote(parseNote(note), [key])).toEqual([{ key }]);
  const changed = parseNote(note.replace('is ', 'is  '));
  expect(() => verifyNote(changed, [key])).toThrow(refused('BAD_SIGNATURE'));
});

const TEXT = 'acme.example/ledger/public\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n';
const alice = createNoteSigner({ name: 'alice.example', privateKey: privateKeyOf(1) });
const bob = createNoteSigner({ name: 'bob.example', privateKey: privateKeyOf(2) });
const witness = createCosigner({ name: 'witness.example', privateKey: privateKeyOf(3) });

const noteWith = (...lines: string[]) => parseNote(encodeNote(TEXT, lines));
/** Spoils the last byte of a line's signature. */
const spoil = (line: string): string => {
  const [dash = '', name = '', base64 = ''] = line.trimEnd().split(' ');
  const bytes = Buffer.from(base64, 'base64');
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
  return `${dash} ${name} ${bytes.toString('base64')}\n`;
};

test('gives the signatures by known keys, in the order of the note, and ignores others', () => {
  const note = noteWith(witness.sign(TEXT, 1_700_000_000n), bob.sign(TEXT), alice.sign(TEXT));
  expect(verifyNote(note, [alice.verifierKey, witness.verifierKey])).toEqual([
    { key: witness.verifierKey, timestamp: 1_700_000_000n },
    { key: alice.verifierKey },
  ]);
});

test('N3: refuses a note that no known key signed', () => {
  const note = noteWith(alice.sign(TEXT));
  expect(() => verifyNote(note, [bob.verifierKey])).toThrow(refused('UNKNOWN_SIGNER'));
  expect(() => verifyNote(note, [])).toThrow(refused('UNKNOWN_SIGNER'));
});

test('N1: refuses a forged signature', () => {
  const note = noteWith(spoil(alice.sign(TEXT)));
  expect(() => verifyNote(note, [alice.verifierKey])).toThrow(refused('BAD_SIGNATURE'));
});

test('N2: refuses the whole note if one known signature is bad, wherever it stands', () => {
  const keys = [alice.verifierKey, bob.verifierKey];
  const notes = [
    noteWith(alice.sign(TEXT), spoil(bob.sign(TEXT))),
    noteWith(spoil(bob.sign(TEXT)), alice.sign(TEXT)),
    noteWith(alice.sign(TEXT), spoil(alice.sign(TEXT))),
    noteWith(alice.sign(TEXT), spoil(witness.sign(TEXT, 5n))),
  ];
  for (const note of notes) {
    expect(() => verifyNote(note, [...keys, witness.verifierKey])).toThrow(refused('BAD_SIGNATURE'));
  }
});

test('N3: ignores a bad signature by an unknown key', () => {
  const note = noteWith(spoil(bob.sign(TEXT)), alice.sign(TEXT));
  expect(verifyNote(note, [alice.verifierKey])).toEqual([{ key: alice.verifierKey }]);
});

test('N4: a key with the name or the id of another one is not that one', () => {
  const impostor = createNoteSigner({ name: 'alice.example', privateKey: privateKeyOf(9) });
  const note = noteWith(impostor.sign(TEXT));
  expect(() => verifyNote(note, [alice.verifierKey])).toThrow(refused('UNKNOWN_SIGNER'));
  const renamed = noteWith(alice.sign(TEXT).replace('alice', 'carol'));
  expect(() => verifyNote(renamed, [alice.verifierKey])).toThrow(refused('UNKNOWN_SIGNER'));
});

test('N4: a key whose name and id both collide with a known one gains a refusal and nothing else', () => {
  const other = createVerifierKey('other.example', ED25519_TYPE, bob.verifierKey.publicKey);
  const colliding: VerifierKey = { ...other, name: alice.name, keyId: alice.verifierKey.keyId };
  const note = noteWith(alice.sign(TEXT));
  expect(() => verifyNote(note, [colliding])).toThrow(refused('BAD_SIGNATURE'));
  expect(() => verifyNote(note, [alice.verifierKey, colliding])).toThrow(refused('BAD_KEY'));
});

test('does not take a signature of another length', () => {
  const [dash = '', name = '', base64 = ''] = alice.sign(TEXT).trimEnd().split(' ');
  for (const bytes of [5, 67, 69, 76]) {
    const cut = Buffer.concat([Buffer.from(base64, 'base64'), Buffer.alloc(8)]).subarray(0, bytes);
    const note = noteWith(`${dash} ${name} ${cut.toString('base64')}\n`);
    expect(() => verifyNote(note, [alice.verifierKey])).toThrow(refused('BAD_SIGNATURE'));
  }
});

test('a key given twice is one key', () => {
  const note = noteWith(alice.sign(TEXT));
  expect(verifyNote(note, [alice.verifierKey, alice.verifierKey])).toHaveLength(1);
});
