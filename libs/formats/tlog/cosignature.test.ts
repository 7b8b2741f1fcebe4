import { sign } from 'node:crypto';

import { expect, test } from 'vitest';

import {
  addSignatures,
  cosign,
  createCosigner,
  createNoteSigner,
  createVerifierKey,
  ED25519_TYPE,
  parseNote,
  parseOrigin,
  parseSignatureLines,
  parseVerifierKey,
  signCheckpoint,
  verifyCosignature,
  verifyNote,
} from './index.ts';
import { privateKeyOf } from './testing/keys.ts';
import { refused } from './testing/refused.ts';

const ORIGIN = 'acme.example/ledger/public';
const log = createNoteSigner({ name: ORIGIN, privateKey: privateKeyOf(1) });
const witness = createCosigner({ name: 'globex.example/witness', privateKey: privateKeyOf(2) });
const checkpoint = { origin: parseOrigin(ORIGIN), size: 7n, root: Buffer.alloc(32, 5) };
const note = signCheckpoint(checkpoint, log);
const { text } = parseNote(note);

const signatureIn = (line: string): Uint8Array => parseSignatureLines(line)[0]?.signature ?? new Uint8Array();

// Made by github.com/transparency-dev/formats v0.1.1, note.NewSignerForCosignatureV1, with the witness's key above.
test('verifies a cosignature of another implementation, and makes the same one', () => {
  const body = `${ORIGIN}\n70000\nGkzfy2Y3SgwNy+9JrL1JdtE+6GT7PLJB/JQ8rQTwL34=\n`;
  const line =
    '— globex.example/witness bB5YhQAAAABrAWd6T/p4KQxTpwG53RuSRwJaHG2j/axZNnlM4WH4OQK8ORm1w+vWfWD7iB++1bLCJ/KFQimGpbCLvLWtppX7ZpqsDA==\n';
  const key = parseVerifierKey(
    'globex.example/witness+6c1e5885+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU',
  );
  const timestamp = verifyCosignature(body, signatureIn(line), key);
  expect(timestamp).toBe(0x6b01677an);
  expect(witness.sign(body, timestamp)).toBe(line);
});

test('cosigns a note for a time, beside the log', () => {
  const line = cosign(note, witness, 1_679_315_147n);
  expect(signatureIn(line)).toHaveLength(72);
  expect(verifyNote(parseNote(addSignatures(note, [line])), [log.verifierKey, witness.verifierKey])).toEqual([
    { key: log.verifierKey },
    { key: witness.verifierKey, timestamp: 1_679_315_147n },
  ]);
});

test.each([1n, 2n ** 32n, 2n ** 63n - 1n])('L10: carries the time %i', (timestamp) => {
  expect(verifyCosignature(text, signatureIn(cosign(note, witness, timestamp)), witness.verifierKey)).toBe(
    timestamp,
  );
});

test.each([0n, -1n, 2n ** 63n])('L10: does not cosign for the time %i', (timestamp) => {
  expect(() => cosign(note, witness, timestamp)).toThrow(refused('BAD_TIMESTAMP'));
});

test.each([0n, 2n ** 63n, 2n ** 64n - 1n])(
  'L10: refuses a genuine cosignature for the time %i',
  (timestamp) => {
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(timestamp);
    const message = Buffer.from(`cosignature/v1\ntime ${timestamp.toString()}\n${text}`);
    const signature = Buffer.concat([time, sign(null, message, privateKeyOf(2))]);
    expect(() => verifyCosignature(text, signature, witness.verifierKey)).toThrow(refused('BAD_TIMESTAMP'));
  },
);

test('N8, N9: a cosignature holds for its own body, origin and time alone', () => {
  const signature = signatureIn(cosign(note, witness, 1000n));
  const later = text.replace('\n7\n', '\n8\n');
  const elsewhere = text.replace('acme', 'evil');
  const extended = `${text}extension\n`;
  for (const other of [later, elsewhere, extended]) {
    expect(() => verifyCosignature(other, signature, witness.verifierKey)).toThrow(refused('BAD_SIGNATURE'));
  }
  const moved = Buffer.from(signature);
  moved.writeBigUInt64BE(1001n);
  expect(() => verifyCosignature(text, moved, witness.verifierKey)).toThrow(refused('BAD_SIGNATURE'));
});

test.each([0, 64, 71, 73])('refuses a cosignature of %i bytes', (length) => {
  const signature = Buffer.concat([signatureIn(cosign(note, witness, 1000n)), Buffer.alloc(8)]).subarray(
    0,
    length,
  );
  expect(() => verifyCosignature(text, signature, witness.verifierKey)).toThrow(refused('BAD_SIGNATURE'));
});

test('N7: a signature of a log is no cosignature, nor the other way round, though one key made both', () => {
  const asLog = createNoteSigner({ name: witness.name, privateKey: privateKeyOf(2) });
  const plain = parseNote(addSignatures(note, [asLog.sign(text)]));
  expect(() => verifyNote(plain, [witness.verifierKey])).toThrow(refused('UNKNOWN_SIGNER'));
  const cosigned = parseNote(addSignatures(note, [cosign(note, witness, 1000n)]));
  expect(() => verifyNote(cosigned, [asLog.verifierKey])).toThrow(refused('UNKNOWN_SIGNER'));
  const key = createVerifierKey(witness.name, ED25519_TYPE, witness.verifierKey.publicKey);
  expect(() => verifyCosignature(text, signatureIn(cosign(note, witness, 1000n)), key)).toThrow(
    refused('BAD_KEY'),
  );
});

test('does not cosign what is no note', () => {
  expect(() => cosign(text, witness, 1000n)).toThrow(refused('BAD_NOTE'));
});
