import { digestOf } from '@dockchains/oci';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  encodeSealedEntry,
  isSealedEntry,
  openRecord,
  parseOpenedRecord,
  parseRecord,
  parseSealedEntry,
  sealRecord,
} from '../index.ts';
import { bitsThatPass, m, otherId, otherScope, record, recordId, scope, sealed } from '../testing/scopes.ts';
import { encryptBody } from './body.ts';
import { commit, deriveKey, deriveSalt, extract, recordContext } from './derive.ts';
import { MAX_SEALED_BYTES, pad, unpad } from './padding.ts';

const refused = (code: string): Error => expect.objectContaining({ code }) as Error;

describe('a sealed record', () => {
  test('opens to what was sealed, whatever its length', () => {
    const length = fc.oneof(fc.integer({ min: 0, max: 4000 }), fc.integer({ min: 0, max: MAX_SEALED_BYTES }));
    fc.assert(
      fc.property(length, fc.integer({ min: 0, max: 255 }), (size, byte) => {
        const content = Buffer.alloc(size, byte);
        const { entry, body } = sealRecord({ ...scope, recordId, m: content });
        expect(Buffer.from(openRecord({ ...scope, entry, body }).m).equals(content)).toBe(true);
        expect(body.length - 16).toBe(parseSealedEntry(entry).bucket);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    { size: 0, bucket: 1024 },
    { size: 1020, bucket: 1024 },
    { size: 1021, bucket: 2048 },
    { size: 32_764, bucket: 32_768 },
    { size: 32_765, bucket: 65_536 },
    { size: 65_532, bucket: 65_536 },
  ])('of $size bytes shows no more of its length than $bucket', ({ size, bucket }) => {
    const { entry, body } = sealRecord({ ...scope, recordId, m: new Uint8Array(size) });
    expect(parseSealedEntry(entry).bucket).toBe(bucket);
    expect(body.length).toBe(bucket + 16);
  });

  test('of more than 65,532 bytes is refused', () => {
    const long = new Uint8Array(MAX_SEALED_BYTES + 1);
    expect(() => sealRecord({ ...scope, recordId, m: long })).toThrow(refused('TOO_LARGE'));
  });

  test('is a function of scope, id and content; no two of them share a key', () => {
    expect(sealRecord({ ...scope, recordId, m })).toEqual(sealed);
    const others = [
      sealRecord({ ...scope, recordId, m: Buffer.concat([m, Buffer.from(' ')]) }),
      sealRecord({ ...scope, recordId: otherId, m }),
      sealRecord({ ...otherScope, recordId, m }),
    ];
    const keys = [sealed, ...others].map(({ key }) => Buffer.from(key).toString('hex'));
    expect(new Set(keys).size).toBe(4);
  });

  test('holds nothing of the record in its entry', () => {
    const text = Buffer.from(sealed.entry).toString();
    for (const word of ['team', 'secret-app', 'acme', '1.0', '0a0a', 'tag-set'])
      expect(text).not.toContain(word);
  });

  test('no flipped bit of its entry opens', () => {
    const { entry, body } = sealed;
    expect(bitsThatPass(entry, (flipped) => openRecord({ ...scope, entry: flipped, body }))).toEqual([]);
  });

  test('no flipped bit of its body opens', () => {
    const { entry, body } = sealed;
    expect(bitsThatPass(body, (flipped) => openRecord({ ...scope, entry, body: flipped }), 37)).toEqual([]);
  });

  test.each(['label', 'R', 'D'] as const)("no flipped bit of its scope's %s opens", (part) => {
    const open = (flipped: Uint8Array) => openRecord({ ...scope, ...sealed, [part]: flipped });
    expect(bitsThatPass(scope[part], open)).toEqual([]);
  });

  test('does not open in another scope', () => {
    expect(() => openRecord({ ...otherScope, ...sealed })).toThrow(refused('BAD_SEALED_ENTRY'));
    const renamed = { ...otherScope, scopeId: scope.scopeId };
    expect(() => openRecord({ ...renamed, ...sealed })).toThrow(refused('BAD_BODY'));
  });

  test('does not open under the id of another', () => {
    const entry = encodeSealedEntry({ ...parseSealedEntry(sealed.entry), recordId: otherId });
    expect(() => openRecord({ ...scope, entry, body: sealed.body })).toThrow(refused('BAD_BODY'));
  });

  test('does not open with the body of another', () => {
    const { body } = sealRecord({ ...scope, recordId: otherId, m });
    expect(() => openRecord({ ...scope, entry: sealed.entry, body })).toThrow(refused('BAD_BODY'));
  });

  test.each([0, 15, 16, 1039])('does not open with %d bytes of its body', (length) => {
    const body = sealed.body.subarray(0, length);
    expect(() => openRecord({ ...scope, entry: sealed.entry, body })).toThrow(refused('BAD_BODY'));
  });

  test('that was sealed to another commitment is refused', () => {
    const prk = extract(scope);
    const rec = recordContext(scope.label, recordId);
    const c = commit(rec, deriveSalt(prk, rec), Buffer.from('what was promised'));
    const body = encryptBody({ key: deriveKey(prk, rec, c), rec, c }, m);
    const entry = entryOf({ c, body });
    expect(() => openRecord({ ...scope, entry, body })).toThrow(refused('BAD_COMMITMENT'));
  });

  test('of another id than its entry is no record', () => {
    expect(parseOpenedRecord(m, recordId)).toEqual(record);
    expect(() => parseOpenedRecord(m, otherId)).toThrow(refused('BAD_RECORD'));
  });
});

/** The entry of a body that no honest sealer made. */
function entryOf({ c, body }: { c: Uint8Array; body: Uint8Array }): Uint8Array {
  const honest = sealRecord({ ...scope, recordId, m: new Uint8Array(body.length - 16 - 4) });
  return encodeSealedEntry({
    ...parseSealedEntry(honest.entry),
    c: Buffer.from(c).toString('hex'),
    bodyDigest: digestOf(body),
  });
}

describe('padding', () => {
  test.each([
    { name: 'a bucket too large', padded: Buffer.concat([pad(m), Buffer.alloc(pad(m).length)]) },
    { name: 'no bucket', padded: pad(m).subarray(0, -1) },
    { name: 'a last byte that is not zero', padded: withByte(pad(m), pad(m).length - 1, 1) },
    { name: 'a byte behind the record that is not zero', padded: withByte(pad(m), 4 + m.length, 1) },
    { name: 'a length beyond its end', padded: withByte(pad(m), 0, 1) },
    { name: 'a length beyond the largest', padded: withByte(Buffer.alloc(65_536), 0, 255) },
    { name: 'nothing', padded: Buffer.alloc(0) },
    { name: 'a broken length', padded: Buffer.alloc(3) },
  ])('with $name is refused', ({ padded }) => {
    expect(() => unpad(padded)).toThrow(expect.objectContaining({ name: 'RecordError' }) as Error);
  });
});

function withByte(bytes: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = value;
  return changed;
}

describe('a sealed entry', () => {
  test('is told from a statement', () => {
    expect([isSealedEntry(sealed.entry), isSealedEntry(m), isSealedEntry(new Uint8Array())]).toEqual([
      true,
      false,
      false,
    ]);
    expect(() => parseRecord(sealed.entry)).toThrow(refused('BAD_RECORD'));
    expect(() => parseSealedEntry(m)).toThrow(refused('BAD_SEALED_ENTRY'));
  });

  const text = Buffer.from(sealed.entry).toString();
  test.each([
    { name: 'white space', changed: text.replace('","', '", "'), code: 'NOT_CANONICAL' },
    { name: 'an unknown member', changed: text.replace('"c":', '"b":1,"c":'), code: 'BAD_SEALED_ENTRY' },
    { name: 'a member missing', changed: text.replace('"v":1', '"w":1'), code: 'BAD_SEALED_ENTRY' },
    { name: 'another version', changed: text.replace('"v":1', '"v":2'), code: 'BAD_SEALED_ENTRY' },
    { name: 'a number in another form', changed: text.replace('"v":1', '"v":1.0'), code: 'NOT_CANONICAL' },
    {
      name: 'an odd bucket',
      changed: text.replace('"bucket":1024', '"bucket":1025'),
      code: 'BAD_SEALED_ENTRY',
    },
    {
      name: 'a huge bucket',
      changed: text.replace('"bucket":1024', '"bucket":131072'),
      code: 'BAD_SEALED_ENTRY',
    },
    {
      name: 'a sha512 body digest',
      changed: text.replace(/sha256:[0-9a-f]{64}/, `sha512:${'0'.repeat(128)}`),
      code: 'BAD_SEALED_ENTRY',
    },
    { name: 'a kilobyte behind', changed: `${text}${' '.repeat(1024)}`, code: 'BAD_SEALED_ENTRY' },
  ])('with $name is refused', ({ changed, code }) => {
    expect(() => parseSealedEntry(Buffer.from(changed))).toThrow(refused(code));
  });
});
