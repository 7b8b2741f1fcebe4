import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';

import { parseDigest } from '@dockchains/oci';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  describeRecord,
  encodeRecord,
  parseRecord,
  parseRecordId,
  signReceipt,
  verifyReceipt,
  type LedgerRecord,
} from './index.ts';

const common = {
  organisation: 'acme.example',
  repository: 'public/app',
  digest: parseDigest(`sha256:${'0a'.repeat(32)}`),
  recordId: parseRecordId('00112233445566778899aabbccddeeff'),
  principal: 'f00d'.repeat(8),
  time: '2026-01-02T03:04:05.678Z',
};
const facts = { mediaType: 'application/vnd.oci.image.manifest.v1+json', size: 512 };

const { organisation, recordId, time } = common;
const event = { organisation, recordId, time };
const h32 = 'ab'.repeat(32);
const scopeFacts = { ...event, label: 'cd'.repeat(32), scopeId: 'ef'.repeat(16) };
const keyFacts = { role: 'witness', key: 'acme.example/witness+00000000+BA==', number: 2, descriptor: h32 };

const records: LedgerRecord[] = [
  { ...common, ...facts, kind: 'manifest-published', source: 'https://git.example/app' },
  { ...common, ...facts, kind: 'tag-set', tag: '1.0', previous: parseDigest(`sha512:${'ff'.repeat(64)}`) },
  { ...common, kind: 'tag-deleted', tag: '1.0' },
  { ...common, kind: 'manifest-deleted' },
  { ...common, kind: 'referrer-attached', referrerOf: common.digest, artifactType: 'application/spdx+json' },
  {
    ...scopeFacts,
    kind: 'scope-opened',
    panelId: h32,
    R: h32,
    Rbar: h32,
    pi: h32 + h32,
    repoCommit: h32,
    from: 1,
    to: 3601,
    asOf: [{ origin: 'acme.example/ledger/public', size: '7', root: h32 }],
  },
  { ...scopeFacts, kind: 'scope-closed', count: 2, lastIndex: '9' },
  { ...scopeFacts, kind: 'scope-closed', count: 0 },
  { ...event, kind: 'repository-withdrawn', repository: 'public/app', principal: common.principal },
  { ...event, kind: 'collection-run', blobs: 3, bytes: 4096 },
  { ...event, ...keyFacts, kind: 'key-added' },
  { ...event, ...keyFacts, kind: 'key-revoked', state: 'replaced' },
];

describe('an entry', () => {
  test.each(records)('gives back the $kind record it was made of', (record) => {
    expect(parseRecord(encodeRecord(record))).toEqual(record);
  });

  test('is an in-toto statement in canonical JSON, to the byte', () => {
    const [, tagSet] = records;
    const entry = tagSet === undefined ? '' : Buffer.from(encodeRecord(tagSet)).toString();
    expect(entry).toBe(
      `{"_type":"https://in-toto.io/Statement/v1","predicate":{"mediaType":"application/vnd.oci.image.manifest.v1+json",` +
        `"previous":"sha512:${'ff'.repeat(64)}","principal":"${'f00d'.repeat(8)}",` +
        `"recordId":"00112233445566778899aabbccddeeff","repository":"public/app","size":512,"tag":"1.0",` +
        `"time":"2026-01-02T03:04:05.678Z"},"predicateType":"https://dockchains.org/record/tag-set/v1",` +
        `"subject":[{"digest":{"sha256":"${'0a'.repeat(32)}"},"name":"acme.example/public/app"}]}`,
    );
  });

  const entry = Buffer.from(encodeRecord(records[1] ?? records[0] ?? never())).toString();
  test.each([
    { name: 'white space', text: entry.replace('{', '{ '), code: 'NOT_CANONICAL' },
    { name: 'members in another order', text: reversed(entry), code: 'NOT_CANONICAL' },
    {
      name: 'a doubled member',
      text: entry.replace('"size":512', '"size":512,"size":512'),
      code: 'NOT_CANONICAL',
    },
    {
      name: 'an escaped letter',
      text: entry.replace('"tag":"1.0"', '"tag":"\\u0031.0"'),
      code: 'NOT_CANONICAL',
    },
    {
      name: 'an unknown member',
      text: entry.replace('"size":512', '"size":512,"sizes":1'),
      code: 'BAD_RECORD',
    },
    {
      name: 'another repository in the subject',
      text: entry.replace('example/public', 'example/other'),
      code: 'BAD_RECORD',
    },
    {
      name: 'a kind that every object has as a property',
      text: entry.replace('record/tag-set', 'record/constructor'),
      code: 'UNKNOWN_KIND',
    },
    {
      name: 'a kind of the future',
      text: entry.replace('record/tag-set', 'record/tag-sung'),
      code: 'UNKNOWN_KIND',
    },
    { name: 'two subjects', text: entry.replace('"subject":[{', '"subject":[{},{'), code: 'BAD_RECORD' },
    { name: 'no JSON', text: 'tag-set', code: 'BAD_RECORD' },
    { name: 'a byte order mark', text: `\ufeff${entry}`, code: 'BAD_RECORD' },
    { name: 'too many bytes', text: entry.padEnd(65_536), code: 'TOO_LARGE' },
  ])('with $name is refused', ({ text, code }) => {
    expect(() => parseRecord(Buffer.from(text))).toThrow(expect.objectContaining({ code }));
  });

  test.each([
    { name: 'a scope', text: textOf('scope-closed').replace('/scope/ef', '/scope/ee') },
    { name: 'a repository', text: textOf('repository-withdrawn').replace('example/public', 'example/other') },
    {
      name: 'a withdrawn repository, of another digest',
      text: textOf('repository-withdrawn').replace(/"sha256":"./, '"sha256":"_'),
    },
    {
      name: 'a collection, of another digest',
      text: textOf('collection-run').replace(/"sha256":"[0-9a-f]{64}"/, `"sha256":"${h32}"`),
    },
    {
      name: "a key, of another role's name",
      text: textOf('key-added').replace('/key/witness"', '/key/mirror"'),
    },
    {
      name: 'a collection, of another name',
      text: textOf('collection-run').replace('/collection"', '/elsewhere"'),
    },
    {
      name: 'a scope, of a sha512 label',
      text: textOf('scope-closed').replace(/"sha256":"[0-9a-f]{64}"/, `"sha512":"${h32.repeat(2)}"`),
    },
  ])('whose subject is not what its predicate is about is refused: $name', ({ text }) => {
    expect(() => parseRecord(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'BAD_RECORD' }));
  });

  test('of any bytes is a record or refused with a code', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(() => parseRecord(bytes)).toThrow(expect.objectContaining({ name: 'RecordError' }));
      }),
    );
  });

  test.each(records)('of kind $kind is described with what it does not exclude', (record) => {
    expect(describeRecord(record, 7n)).toMatch(
      /^acme\.example recorded at index 7 that (?:principal|an unnamed principal|it) .*(?:not excluded|is not said|for an audit to find)$/,
    );
  });
});

describe('a receipt', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const receipt = {
    origin: 'acme.example/ledger/public',
    recordId: parseRecordId(randomBytes(16).toString('hex')),
    leafHash: createHash('sha256').update('leaf').digest('hex'),
    repository: 'public/app',
    digest: common.digest,
    includedBy: 1_800_000_000,
  };

  test('gives back what was promised', async () => {
    expect(await verifyReceipt(signReceipt(receipt, privateKey), publicKey)).toEqual(receipt);
  });

  test('of a sealed record names its scope, and shows which repository it is of', async () => {
    const sealed = { ...receipt, scopeId: 'ef'.repeat(16), repoSalt: h32 };
    expect(await verifyReceipt(signReceipt(sealed, privateKey), publicKey)).toEqual(sealed);
  });

  test('signed by another key is refused', async () => {
    const other = generateKeyPairSync('ed25519').publicKey;
    await expect(verifyReceipt(signReceipt(receipt, privateKey), other)).rejects.toMatchObject({
      code: 'BAD_RECEIPT',
    });
  });

  test('with any character changed is refused', async () => {
    const text = signReceipt(receipt, privateKey);
    for (let at = 0; at < text.length; at += 7) {
      const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
      await expect(verifyReceipt(changed, publicKey)).rejects.toMatchObject({ code: 'BAD_RECEIPT' });
    }
  });
});

function textOf(kind: LedgerRecord['kind']): string {
  return Buffer.from(encodeRecord(records.find((record) => record.kind === kind) ?? never())).toString();
}

function reversed(text: string): string {
  const value = JSON.parse(text) as object;
  return JSON.stringify(Object.fromEntries(Object.entries(value).reverse()));
}

function never(): never {
  throw new Error('the table has no record');
}
