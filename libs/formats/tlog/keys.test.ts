import { generateKeyPairSync } from 'node:crypto';

import { expect, test } from 'vitest';

import {
  COSIGNATURE_TYPE,
  createCosigner,
  createNoteSigner,
  createVerifierKey,
  ED25519_TYPE,
  encodePublicKey,
  encodeVerifierKey,
  keyId,
  parseVerifierKey,
} from './index.ts';
import { privateKeyOf } from './testing/keys.ts';
import { refused } from './testing/refused.ts';

test.each([
  // signed-note's own example
  { vkey: 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k', id: 0x530d903a },
  // golang.org/x/mod v0.42.0, sumdb/note
  { vkey: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', id: 0xc74f20a3 },
  { vkey: 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop', id: 0xaf0cfe78 },
])('reads and writes $vkey', ({ vkey, id }) => {
  const key = parseVerifierKey(vkey);
  expect(key).toMatchObject({ name: vkey.split('+')[0], keyId: id, type: ED25519_TYPE });
  expect(key.publicKey).toHaveLength(32);
  expect(keyId(key.name, key.type, key.publicKey)).toBe(id);
  expect(encodeVerifierKey(key)).toBe(vkey);
});

test('names keys as golang.org/x/mod and transparency-dev/formats do', () => {
  const log = createNoteSigner({ name: 'acme.example/ledger/public', privateKey: privateKeyOf(1) });
  const witness = createCosigner({ name: 'globex.example/witness', privateKey: privateKeyOf(2) });
  expect(encodeVerifierKey(log.verifierKey)).toBe(
    'acme.example/ledger/public+df7c8cae+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c',
  );
  expect(encodeVerifierKey(witness.verifierKey)).toBe(
    'globex.example/witness+6c1e5885+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU',
  );
});

test('one public key has another id under another name or type', () => {
  const publicKey = Buffer.alloc(32, 7);
  const ids = [
    createVerifierKey('a', ED25519_TYPE, publicKey),
    createVerifierKey('a', COSIGNATURE_TYPE, publicKey),
    createVerifierKey('b', ED25519_TYPE, publicKey),
  ].map((key) => key.keyId);
  expect(new Set(ids).size).toBe(3);
});

const PUBLIC = 'ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';

test.each([
  { name: 'nothing', vkey: '' },
  { name: 'no id', vkey: `PeterNeumann+${PUBLIC}` },
  { name: 'no name', vkey: `+c74f20a3+${PUBLIC}` },
  { name: 'a space in the name', vkey: `Peter Neumann+c74f20a3+${PUBLIC}` },
  { name: 'another id', vkey: `PeterNeumann+c74f20a4+${PUBLIC}` },
  { name: 'an uppercase id', vkey: `PeterNeumann+C74F20A3+${PUBLIC}` },
  { name: 'a short id', vkey: `PeterNeumann+c74f20a+${PUBLIC}` },
  { name: 'another name', vkey: `PeterNeuman+c74f20a3+${PUBLIC}` },
  { name: 'no key', vkey: 'PeterNeumann+c74f20a3+' },
  {
    name: 'a key without padding',
    vkey: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10Q',
  },
  { name: 'a short key', vkey: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10Q=' },
  { name: 'another alphabet', vkey: `PeterNeumann+c74f20a3+${PUBLIC.replace('/', '_')}` },
  { name: 'an unknown type', vkey: 'PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW' },
  { name: 'a newline behind', vkey: `PeterNeumann+c74f20a3+${PUBLIC}\n` },
  { name: '64 KiB', vkey: `${'a'.repeat(65_536)}+c74f20a3+${PUBLIC}` },
])('refuses a verifier key with $name', ({ vkey }) => {
  expect(() => parseVerifierKey(vkey)).toThrow(refused('BAD_KEY'));
});

test.each([
  '',
  'two words',
  'a+b',
  'no\u00a0break',
  'ideographic\u3000space',
  'line\nfeed',
  '\ud800',
  'a'.repeat(256),
])('refuses to name a key %j', (name) => {
  expect(() => createNoteSigner({ name, privateKey: privateKeyOf(1) })).toThrow(refused('BAD_KEY'));
  expect(() => createCosigner({ name, privateKey: privateKeyOf(1) })).toThrow(refused('BAD_KEY'));
});

test('refuses keys that are not Ed25519 private keys', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { publicKey } = generateKeyPairSync('ed25519');
  expect(() => createNoteSigner({ name: 'a', privateKey })).toThrow(refused('BAD_KEY'));
  expect(() => createCosigner({ name: 'a', privateKey: publicKey })).toThrow(refused('BAD_KEY'));
  expect(() => createVerifierKey('a', ED25519_TYPE, Buffer.alloc(31))).toThrow(refused('BAD_KEY'));
  expect(() => createVerifierKey('a', 0x06, Buffer.alloc(32))).toThrow(refused('BAD_KEY'));
});

test('keys that are one but for their names have the same public key, others another', () => {
  const { publicKey } = parseVerifierKey(
    'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  );
  const named = [ED25519_TYPE, COSIGNATURE_TYPE].map((type) => createVerifierKey('another', type, publicKey));
  const texts = new Set(named.map(encodePublicKey));
  expect([...texts]).toEqual(['1a5cd907143c384c41e830c5bce12aa8817ec5649aaabf2c31388b35b2d744d6']);
  expect(texts).not.toContain(encodePublicKey({ publicKey: publicKey.map((byte) => byte ^ 1) }));
});
