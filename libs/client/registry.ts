import {
  type Digest,
  digestAlgorithm,
  digestOf,
  isDigest,
  isTag,
  type Manifest,
  MAX_MANIFEST_BYTES,
  OciError,
  parseManifest,
  type RepositoryName,
  type Tag,
} from '@dockchains/oci';
import { z } from 'zod';

import { ClientError } from './errors.ts';
import { parseJson } from './http.ts';
import type { Session } from './session.ts';
import { printable } from './text.ts';

/** A manifest as fetched: its bytes hash to `digest`. */
export type FetchedManifest = {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
};

const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

const MAX_TAGS_BYTES = 4 * 1024 * 1024;
const MAX_TAGS = 100_000;
const PAGE = 1000;

const tagsSchema = z.looseObject({ tags: z.array(z.string()).max(100_000).nullish() });

/**
 * Fetches the manifest that a tag or digest names now (distribution-spec, Pulling manifests) and computes its digest.
 * @throws ClientError of every code; BAD_RESPONSE if the bytes are not what the digest names
 */
export async function getManifest(
  session: Session,
  repository: RepositoryName,
  reference: Tag | Digest,
): Promise<FetchedManifest> {
  const path = `/v2/${repository}/manifests/${reference}`;
  const { bytes, headers } = await session.request({
    path,
    headers: { accept: ACCEPT },
    maxBytes: MAX_MANIFEST_BYTES,
  });
  const stated = isDigest(reference) ? reference : headers.get('docker-content-digest');
  const algorithm = stated !== null && isDigest(stated) ? digestAlgorithm(stated) : 'sha256';
  const digest = digestOf(bytes, algorithm);
  if (stated !== null && stated !== digest) {
    throw new ClientError(
      'BAD_RESPONSE',
      `The manifest at ${printable(`${session.url}${path}`)} hashes to ${digest}, not to ${printable(stated)}: it was changed on its way or in the store.`,
    );
  }
  try {
    const manifest = parseManifest(bytes, headers.get('content-type') ?? undefined);
    return { digest, bytes, manifest, mediaType: manifest.mediaType };
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    throw new ClientError('BAD_RESPONSE', `The manifest ${digest} can't be read: ${cause.message}`, {
      cause,
    });
  }
}

/**
 * Fetches a blob of at most `maxBytes` bytes whole, such as an image's config.
 * @throws ClientError of every code; BAD_RESPONSE if the bytes are not what the digest names
 */
export async function getBlob(
  session: Session,
  { repository, digest, maxBytes }: { repository: RepositoryName; digest: Digest; maxBytes: number },
): Promise<Uint8Array> {
  const path = `/v2/${repository}/blobs/${digest}`;
  const { bytes } = await session.request({ path, maxBytes });
  if (digestOf(bytes, digestAlgorithm(digest)) === digest) return bytes;
  throw new ClientError(
    'BAD_RESPONSE',
    `The blob at ${printable(`${session.url}${path}`)} is not what its digest names.`,
  );
}

/**
 * Lists a repository's tags in lexical order, page after page (distribution-spec, Listing Tags).
 * @throws ClientError of every code; BAD_RESPONSE past 100,000 tags
 */
export async function listTags(session: Session, repository: RepositoryName): Promise<readonly Tag[]> {
  const all: Tag[] = [];
  for (let more = true; more;) {
    const last = all.at(-1);
    const query = last === undefined ? '' : `&last=${encodeURIComponent(last)}`;
    const path = `/v2/${repository}/tags/list?n=${PAGE}${query}`;
    const { bytes, headers } = await session.request({ path, maxBytes: MAX_TAGS_BYTES });
    const parsed = tagsSchema.safeParse(parseJson(bytes, `${session.url}${path}`));
    const tags = parsed.data?.tags ?? [];
    if (!parsed.success || !tags.every(isTag) || all.length + tags.length > MAX_TAGS) {
      throw new ClientError(
        'BAD_RESPONSE',
        `${printable(`${session.url}${path}`)} answered with no list of tags.`,
      );
    }
    all.push(...tags);
    more = headers.has('link') && tags.length > 0;
  }
  return all;
}
