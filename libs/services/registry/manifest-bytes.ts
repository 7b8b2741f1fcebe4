import type { BlobStore } from '@dockchains/blobs';
import { type Digest, MAX_MANIFEST_BYTES } from '@dockchains/oci';
import { LRUCache } from 'lru-cache';

// Eight manifests of the greatest length, or some ten thousand ordinary ones.
const CACHE_BYTES = 32 * 1024 * 1024;

/** Manifests' bytes by digest, from memory where they were read or written lately. */
export interface ManifestBytes {
  /** @throws BlobStoreError BLOB_UNKNOWN, IO */
  read(digest: Digest): Promise<Buffer>;
  remember(digest: Digest, bytes: Buffer): void;
}

/** Opens a cache of at most 32 MiB over the blob store. What a digest names never changes, so nothing in it goes stale. */
export function openManifestBytes(blobs: BlobStore): ManifestBytes {
  const cache = new LRUCache<Digest, Buffer>({
    maxSize: CACHE_BYTES,
    sizeCalculation: (bytes) => bytes.length + 1, // the cache refuses a size of 0
    fetchMethod: async (digest) => alone(await blobs.read(digest, MAX_MANIFEST_BYTES)),
  });
  return {
    read: (digest) => cache.forceFetch(digest),
    remember: (digest, bytes) => {
      cache.set(digest, alone(bytes));
    },
  };
}

/** The same bytes in memory of their own. Short buffers are cut from longer pieces, and what is kept of a piece keeps all of it. */
function alone(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength === bytes.length) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}
