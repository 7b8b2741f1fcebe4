import { randomBytes } from 'node:crypto';

import { ristretto255 } from '@noble/curves/ed25519.js';
import { describe, expect, test } from 'vitest';

import {
  type Encapsulation,
  generateSealingKey,
  makeScope,
  openWithKey,
  parsePoint,
  parseSealingKey,
  scopeLabel,
  sealingPanelId,
  sealingPublicKey,
  type ScopeTerms,
  unwrapScopeSecret,
  verifyOpening,
  verifyScope,
  wrapScopeSecret,
} from './index.ts';

const sealingKey = generateSealingKey(randomBytes);
const publicKey = sealingPublicKey(sealingKey);
const terms: ScopeTerms = {
  origin: 'acme.example/ledger/private',
  scopeId: '00112233445566778899aabbccddeeff',
  panelId: sealingPanelId(publicKey),
  publicKey,
  from: 1_800_000_000,
  to: 1_800_086_400,
};
const repoSalt = randomBytes(32);
const repository = 'team/secret-app';
const scope = makeScope({ ...terms, repository, repoSalt }, randomBytes);
const other = makeScope({ ...terms, scopeId: 'f'.repeat(32), repository, repoSalt }, randomBytes);

const IDENTITY = new Uint8Array(32);
// RFC 9496 appendix A.2: encodings that decoding must refuse.
const NON_CANONICAL = [
  '00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371',
];

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = Buffer.from(bytes);
  flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return flipped;
}

const refused = (code: string): Error => expect.objectContaining({ code }) as Error;

/** The bits that verify although they were flipped. */
function bitsThatPass(bytes: Uint8Array, verify: (flipped: Uint8Array) => void, step = 1): number[] {
  const passed: number[] = [];
  for (let bit = 0; bit < bytes.length * 8; bit += step) {
    try {
      verify(flip(bytes, bit));
      passed.push(bit);
    } catch (error) {
      expect(error).toMatchObject({ name: 'EscrowError' });
    }
  }
  return passed;
}

describe('a scope', () => {
  test('verifies, and opens with the sealing key to what its opening says', () => {
    expect(verifyScope(terms, scope)).toEqual(scope.label);
    const D = verifyOpening({ ...scope, publicKey }, scope.opening);
    expect(D).toEqual(openWithKey(sealingKey, scope.R));
  });

  test('has another secret each time', () => {
    const again = makeScope({ ...terms, repository, repoSalt }, randomBytes);
    expect(again.label).toEqual(scope.label);
    expect(again.R).not.toEqual(scope.R);
  });

  test.each<{ name: string; changes: Partial<ScopeTerms> }>([
    { name: 'origin', changes: { origin: 'acme.example/ledger/protected' } },
    { name: 'id', changes: { scopeId: '0'.repeat(32) } },
    { name: 'panel', changes: { panelId: randomBytes(32) } },
    { name: 'key', changes: { publicKey: sealingPublicKey(generateSealingKey(randomBytes)) } },
    { name: 'beginning', changes: { from: terms.from + 1 } },
    { name: 'end', changes: { to: terms.to + 1 } },
  ])('does not verify under another $name', ({ changes }) => {
    expect(() => verifyScope({ ...terms, ...changes }, scope)).toThrow(refused('BAD_PROOF'));
  });

  test('has another label for another repository, and for the same one under another salt', () => {
    const named = makeScope({ ...terms, repository: 'team/other', repoSalt }, randomBytes);
    const salted = makeScope({ ...terms, repository, repoSalt: randomBytes(32) }, randomBytes);
    expect(new Set([scope, named, salted].map(({ label }) => label.toString())).size).toBe(3);
  });

  test('can not take over the key of another scope', () => {
    const { R, Rbar, pi } = other;
    expect(() => verifyScope(terms, { repoCommit: scope.repoCommit, R, Rbar, pi })).toThrow(
      refused('BAD_PROOF'),
    );
  });

  test.each<keyof Encapsulation>(['repoCommit', 'R', 'Rbar', 'pi'])(
    'no flipped bit of its %s verifies',
    (part) => {
      expect(
        bitsThatPass(scope[part], (flipped) => verifyScope(terms, { ...scope, [part]: flipped }), 5),
      ).toEqual([]);
    },
  );

  test.each<keyof Encapsulation>(['R', 'Rbar'])('is refused with the identity for %s', (part) => {
    expect(() => verifyScope(terms, { ...scope, [part]: IDENTITY })).toThrow(refused('BAD_POINT'));
  });

  test('is refused when made to the identity', () => {
    const made = { ...terms, publicKey: IDENTITY, repository, repoSalt };
    expect(() => makeScope(made, randomBytes)).toThrow(refused('BAD_POINT'));
  });

  test.each([
    { name: 'under an hour', changes: { to: terms.from + 3599 } },
    { name: 'that ends before it begins', changes: { to: terms.from - 1 } },
    { name: 'of half a second', changes: { from: terms.from - 0.5 } },
    { name: 'before 1970', changes: { from: -1 } },
    { name: 'with a short id', changes: { scopeId: '00' } },
    { name: 'with an id in capitals', changes: { scopeId: 'A'.repeat(32) } },
    { name: 'with a short panel id', changes: { panelId: new Uint8Array(31) } },
  ])('$name is refused', ({ changes }) => {
    expect(() => scopeLabel({ ...terms, ...changes }, scope.repoCommit)).toThrow(refused('BAD_SCOPE'));
  });

  test('with a short salt is refused', () => {
    const made = { ...terms, repository, repoSalt: new Uint8Array(31) };
    expect(() => makeScope(made, randomBytes)).toThrow(refused('BAD_SCOPE'));
  });
});

describe('an opening', () => {
  const openingOf = { label: scope.label, R: scope.R, publicKey };

  test('no flipped bit verifies', () => {
    expect(bitsThatPass(scope.opening, (flipped) => verifyOpening(openingOf, flipped), 3)).toEqual([]);
  });

  test.each(['label', 'R', 'publicKey'] as const)('does not verify for another %s', (part) => {
    const another = {
      label: other.label,
      R: other.R,
      publicKey: sealingPublicKey(generateSealingKey(randomBytes)),
    };
    expect(() => verifyOpening({ ...openingOf, [part]: another[part] }, scope.opening)).toThrow(
      refused('BAD_PROOF'),
    );
  });

  test("of another scope is refused, and so is another scope's point with its own proof", () => {
    expect(() => verifyOpening(openingOf, other.opening)).toThrow(refused('BAD_PROOF'));
    const mixed = Buffer.concat([other.opening.subarray(0, 32), scope.opening.subarray(32)]);
    expect(() => verifyOpening(openingOf, mixed)).toThrow(refused('BAD_PROOF'));
  });

  test('the proof of the encapsulation does not pass for one of an opening', () => {
    const swapped = Buffer.concat([scope.opening.subarray(0, 32), scope.pi]);
    expect(() => verifyOpening(openingOf, swapped)).toThrow(refused('BAD_PROOF'));
  });

  test('to the identity is refused', () => {
    const zero = Buffer.concat([IDENTITY, scope.opening.subarray(32)]);
    expect(() => verifyOpening(openingOf, zero)).toThrow(refused('BAD_POINT'));
  });

  test.each([0, 95, 97])('of %d bytes is refused', (length) => {
    expect(() => verifyOpening(openingOf, new Uint8Array(length))).toThrow(refused('BAD_OPENING'));
  });

  test('with a scalar that is not reduced is refused', () => {
    const order = Buffer.from(ristretto255.Point.Fn.ORDER.toString(16).padStart(64, '0'), 'hex').reverse();
    const unreduced = Buffer.concat([scope.opening.subarray(0, 64), order]);
    expect(() => verifyOpening(openingOf, unreduced)).toThrow(refused('BAD_SCALAR'));
  });
});

describe('a point', () => {
  test.each(NON_CANONICAL)('%s is refused', (hex) => {
    expect(() => parsePoint(Buffer.from(hex, 'hex'))).toThrow(refused('BAD_POINT'));
  });

  test.each([0, 31, 33])('of %d bytes is refused', (length) => {
    expect(() => parsePoint(new Uint8Array(length).fill(2))).toThrow(refused('BAD_POINT'));
  });

  test('that is the identity is refused', () => {
    expect(() => parsePoint(IDENTITY)).toThrow(refused('BAD_POINT'));
    expect(() => openWithKey(sealingKey, IDENTITY)).toThrow(refused('BAD_POINT'));
    expect(() => sealingPanelId(IDENTITY)).toThrow(refused('BAD_POINT'));
  });
});

describe('a sealing key', () => {
  const order = Buffer.from(ristretto255.Point.Fn.ORDER.toString(16).padStart(64, '0'), 'hex').reverse();

  test('is 32 bytes of a scalar', () => {
    expect(parseSealingKey(sealingKey)).toEqual(sealingKey);
  });

  test.each([
    { name: 'zero', bytes: new Uint8Array(32) },
    { name: 'the order', bytes: order },
    { name: 'a short one', bytes: new Uint8Array(31).fill(1) },
    { name: 'a long one', bytes: new Uint8Array(33).fill(1) },
    { name: 'none', bytes: new Uint8Array(0) },
  ])('is refused: $name', ({ bytes }) => {
    expect(() => parseSealingKey(bytes)).toThrow(refused('BAD_KEY'));
    expect(() => sealingPublicKey(bytes)).toThrow(refused('BAD_KEY'));
  });
});

describe("a scope's secret", () => {
  const secret = { opening: scope.opening, repoSalt, repository };
  const label = scope.label;
  const wrapped = wrapScopeSecret({ publicKey, label }, secret, randomBytes);

  test('comes back with the sealing key', () => {
    expect(unwrapScopeSecret({ sealingKey, label }, wrapped)).toEqual(secret);
  });

  test('shows nothing of the length of its repository', () => {
    const short = wrapScopeSecret({ publicKey, label }, { ...secret, repository: 'a' }, randomBytes);
    const long = wrapScopeSecret(
      { publicKey, label },
      { ...secret, repository: 'a'.repeat(255) },
      randomBytes,
    );
    expect(short.length).toBe(wrapped.length);
    expect(long.length).toBe(wrapped.length);
    expect(unwrapScopeSecret({ sealingKey, label }, long).repository).toBe('a'.repeat(255));
  });

  test('no flipped bit opens', () => {
    expect(bitsThatPass(wrapped, (flipped) => unwrapScopeSecret({ sealingKey, label }, flipped), 7)).toEqual(
      [],
    );
  });

  test('does not open with another key, or as the secret of another scope', () => {
    const another = generateSealingKey(randomBytes);
    expect(() => unwrapScopeSecret({ sealingKey: another, label }, wrapped)).toThrow(refused('BAD_WRAPPING'));
    expect(() => unwrapScopeSecret({ sealingKey, label: other.label }, wrapped)).toThrow(
      refused('BAD_WRAPPING'),
    );
  });

  test.each([0, 47, 48, 10_000])('of %d bytes is refused', (length) => {
    expect(() => unwrapScopeSecret({ sealingKey, label }, new Uint8Array(length))).toThrow(
      refused('BAD_WRAPPING'),
    );
  });

  test('is refused when a part has the wrong length', () => {
    for (const part of [
      { opening: new Uint8Array(95) },
      { repoSalt: new Uint8Array(33) },
      { repository: 'a'.repeat(256) },
    ]) {
      expect(() => wrapScopeSecret({ publicKey, label }, { ...secret, ...part }, randomBytes)).toThrow(
        refused('BAD_SCOPE'),
      );
    }
  });
});

test('a generator that repeats itself gives no two statements one nonce', () => {
  const stuck = (length: number): Uint8Array => new Uint8Array(length).fill(7);
  const first = makeScope({ ...terms, repository, repoSalt }, stuck);
  const second = makeScope({ ...terms, scopeId: '1'.repeat(32), repository, repoSalt }, stuck);
  expect(first.R).toEqual(second.R); // which the ledger refuses; the secret is not lost by it
  expect(first.pi).not.toEqual(second.pi);
  expect(first.pi.subarray(32)).not.toEqual(first.opening.subarray(64));
});
