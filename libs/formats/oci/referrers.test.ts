import { expect, test } from 'vitest';

import { digestHex, digestOf } from './digest.ts';
import { parseManifest } from './manifest.ts';
import { OCI_IMAGE_INDEX, OCI_IMAGE_MANIFEST } from './media-types.ts';
import { isTag } from './reference.ts';
import { buildReferrersIndex, parseReferrersTag, referrersTag } from './referrers.ts';

const SUBJECT = digestOf(Buffer.from('subject'));

test('builds an index that is a manifest itself', () => {
  const descriptor = {
    mediaType: OCI_IMAGE_MANIFEST,
    digest: SUBJECT,
    size: 7,
    artifactType: 'application/vnd.example',
    annotations: { a: 'b' },
  };
  const plain = { mediaType: OCI_IMAGE_INDEX, digest: SUBJECT, size: 8 };
  const index = parseManifest(buildReferrersIndex([descriptor, plain]), OCI_IMAGE_INDEX);
  expect(index.manifests).toEqual([descriptor, plain]);
});

test('builds the empty index', () => {
  expect(buildReferrersIndex([]).toString()).toBe(
    `{"schemaVersion":2,"mediaType":"${OCI_IMAGE_INDEX}","manifests":[]}`,
  );
});

test('gives the fallback tag of a digest and reads it again', () => {
  const long = digestOf(Buffer.from('subject'), 'sha512');
  expect(referrersTag(SUBJECT)).toBe(`sha256-${digestHex(SUBJECT)}`);
  expect(parseReferrersTag(referrersTag(SUBJECT))).toEqual({
    algorithm: 'sha256',
    hexPrefix: digestHex(SUBJECT),
  });
  expect(parseReferrersTag(referrersTag(long))).toEqual({
    algorithm: 'sha512',
    hexPrefix: digestHex(long).slice(0, 64),
  });
  expect(isTag(referrersTag(long))).toBe(true);
});

test.each(['latest', 'sha256-abc', `${referrersTag(SUBJECT)}.sig`, `x${referrersTag(SUBJECT)}`, 'md5-'])(
  'sees no fallback tag in %s',
  (tag) => {
    expect(parseReferrersTag(tag)).toBeUndefined();
  },
);
