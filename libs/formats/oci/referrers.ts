import type { Descriptor } from './descriptor.ts';
import { type Digest, digestAlgorithm, type DigestAlgorithm, digestHex } from './digest.ts';
import { OCI_IMAGE_INDEX } from './media-types.ts';
import type { Tag } from './reference.ts';

/** A manifest as the referrers list shows it: `artifactType` as of {@link Manifest}, annotations copied up. */
export type ReferrerDescriptor = Pick<
  Descriptor,
  'mediaType' | 'digest' | 'size' | 'artifactType' | 'annotations'
>;

/** What a tag of the fallback schema says of its subject: 64 hexadecimal digits, which are a whole sha256 and half a sha512. */
export type ReferrersTag = { algorithm: DigestAlgorithm; hexPrefix: string };

const TAG_HEX = 64;

/** Gives the index, UTF-8, that answers `/v2/<name>/referrers/<digest>` (distribution-spec, Listing Referrers). */
export function buildReferrersIndex(descriptors: readonly ReferrerDescriptor[]): Buffer {
  const manifests = descriptors.map(({ mediaType, digest, size, artifactType, annotations }) => ({
    mediaType,
    digest,
    size,
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations !== undefined && { annotations }),
  }));
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE_INDEX, manifests }));
}

/** Gives the tag under which clients of registries without a referrers API keep that list (distribution-spec, Referrers Tag Schema). */
export function referrersTag(digest: Digest): Tag {
  return `${digestAlgorithm(digest)}-${digestHex(digest).slice(0, TAG_HEX)}` as Tag;
}

/** Reads a tag of the fallback schema; undefined if it is another tag, such as one with a suffix. */
export function parseReferrersTag(tag: string): ReferrersTag | undefined {
  const [, algorithm, hexPrefix] = /^(sha256|sha512)-([0-9a-f]{64})$/.exec(tag) ?? [];
  if (hexPrefix === undefined) return undefined;
  return { algorithm: algorithm === 'sha512' ? 'sha512' : 'sha256', hexPrefix };
}
