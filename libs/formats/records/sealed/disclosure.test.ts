import { digestOf } from '@dockchains/oci';
import { describe, expect, test } from 'vitest';

import {
  encodeDisclosure,
  encodeRecord,
  encodeSealedEntry,
  isDisclosure,
  openRecord,
  parseSealedEntry,
  sealRecord,
  verifyDisclosure,
} from '../index.ts';
import { bitsThatPass, m, otherId, record, scope, sealed } from '../testing/scopes.ts';
import { extract } from './derive.ts';

const refused = (code: string): Error => expect.objectContaining({ code }) as Error;

describe('a disclosure', () => {
  const opened = openRecord({ ...scope, ...sealed });
  const disclosure = encodeDisclosure({ ...opened, entry: sealed.entry, label: scope.label });

  test('shows the record and the entry that it is committed to', () => {
    expect(isDisclosure(disclosure)).toBe(true);
    const verified = verifyDisclosure(disclosure);
    expect(verified.record).toEqual(record);
    expect(Buffer.from(verified.entry).equals(sealed.entry)).toBe(true);
  });

  test('holds nothing that opens another record of its scope', () => {
    const text = Buffer.from(disclosure).toString();
    for (const secret of [scope.R, scope.D, extract(scope)]) {
      expect(text).not.toContain(Buffer.from(secret).toString('hex'));
      expect(text).not.toContain(Buffer.from(secret).toString('base64'));
    }
  });

  test('no flipped bit verifies, but of the scope and version that the ledger vouches for', () => {
    // The scope's id stands in the entry alone: another one there is another leaf.
    const at = Buffer.from(disclosure).indexOf(`"scopeId":"`) + '"scopeId":"'.length;
    const isScopeId = (bit: number) => bit >> 3 >= at && bit >> 3 < at + 32;
    const passed = bitsThatPass(disclosure, verifyDisclosure).filter((bit) => !isScopeId(bit));
    expect(passed).toEqual([]);
  });

  test('of another record under the same entry is refused', () => {
    const forged = encodeRecord({ ...record, tag: '2.0' });
    const claim = encodeDisclosure({ ...opened, m: forged, entry: sealed.entry, label: scope.label });
    expect(() => verifyDisclosure(claim)).toThrow(refused('BAD_COMMITMENT'));
  });

  test('of a record whose body is something else is refused', () => {
    const entry = encodeSealedEntry({
      ...parseSealedEntry(sealed.entry),
      bodyDigest: digestOf(Buffer.from('garbage')),
    });
    const claim = encodeDisclosure({ ...opened, entry, label: scope.label });
    expect(() => verifyDisclosure(claim)).toThrow(refused('BAD_BODY'));
  });

  test('of a record with another id than its entry is refused', () => {
    const misnamed = sealRecord({ ...scope, recordId: otherId, m });
    const claim = encodeDisclosure({ ...misnamed, m, label: scope.label });
    expect(() => verifyDisclosure(claim)).toThrow(refused('BAD_RECORD'));
  });

  test.each([
    { name: 'no JSON', bytes: Buffer.from('{') },
    { name: 'an entry', bytes: Buffer.from(sealed.entry) },
    { name: 'white space behind', bytes: Buffer.concat([disclosure, Buffer.from(' ')]) },
    { name: 'more than it may be long', bytes: Buffer.alloc(100_000, 0x20) },
    {
      name: 'base64 that is not canonical',
      bytes: Buffer.from(
        Buffer.from(disclosure)
          .toString()
          .replace(/"m":"[^"]*"/, '"m":"QR=="'),
      ),
    },
  ])('is refused when it is $name', ({ bytes }) => {
    expect(() => verifyDisclosure(bytes)).toThrow(expect.objectContaining({ name: 'RecordError' }) as Error);
  });
});
