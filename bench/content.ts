import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';

import { buildImage, type BuiltManifest, buildLayer, type Content, contentOf } from '@dockchains/testing';
import { type Digest, OCI_EMPTY, OCI_LAYER_GZIP, parseDigest } from '@dockchains/oci';

const KIB = 1024;
const MIB = 1024 * KIB;
const LAYERS = 8;
const CHUNK_BYTES = 256 * KIB;
const SUFFIX_BYTES = 16;

/** Bytes of the large layer. */
export const LARGE_BYTES = 64 * MIB;

/** The image whose manifest is pulled: eight layers, as many application images have. */
export const IMAGE: BuiltManifest = buildImage({
  layers: Array.from({ length: LAYERS }, () => buildLayer()),
});

/** A layer of 100 KiB. */
export const SMALL_BLOB: Content = contentOf(randomBytes(100 * KIB), OCI_LAYER_GZIP);

/** A layer of 64 MiB. */
export const LARGE_BLOB: Content = contentOf(randomBytes(LARGE_BYTES), OCI_LAYER_GZIP);

/** What the small images that are pushed have for a config. */
export const EMPTY_CONFIG: Content = contentOf(Buffer.from('{}'), OCI_EMPTY);

const largePrefix = randomBytes(LARGE_BYTES - SUFFIX_BYTES);
const largeHash = createHash('sha256').update(largePrefix);

/** Gives 64 MiB that no registry has seen, at the cost of hashing the last few bytes. */
export function freshLargeBlob(): { digest: Digest; chunks: () => Readable } {
  const suffix = randomBytes(SUFFIX_BYTES);
  const digest = parseDigest(`sha256:${largeHash.copy().update(suffix).digest('hex')}`);
  return { digest, chunks: () => inChunks([largePrefix, suffix]) };
}

/** Gives an image of one layer of 10 KiB that no registry has seen. */
export function freshSmallImage(): { layer: Content; manifest: BuiltManifest } {
  const layer = contentOf(randomBytes(10 * KIB), OCI_LAYER_GZIP);
  return { layer, manifest: buildImage({ config: EMPTY_CONFIG, layers: [layer] }) };
}

function inChunks(parts: readonly Buffer[]): Readable {
  return Readable.from(parts.flatMap(cut));
}

function cut(part: Buffer): Buffer[] {
  const count = Math.ceil(part.length / CHUNK_BYTES);
  return Array.from({ length: count }, (_, index) =>
    part.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
  );
}
