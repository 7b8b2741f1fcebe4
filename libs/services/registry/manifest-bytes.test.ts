import type { BlobStore } from '@dockchains/blobs';
import { digestOf } from '@dockchains/oci';
import { expect, test } from 'vitest';

import { openManifestBytes } from './manifest-bytes.ts';

const piece = Buffer.alloc(65_536, 'x');
const bytes = piece.subarray(100, 700);
const digest = digestOf(bytes);
const blobs = { read: () => Promise.resolve(bytes) } as Partial<BlobStore> as BlobStore;

test.each(['written', 'read'])('what was %s is kept without the piece that it was cut from', async (how) => {
  const cache = openManifestBytes(blobs);
  if (how === 'written') cache.remember(digest, bytes);
  const kept = await cache.read(digest);
  expect(kept.equals(bytes)).toBe(true);
  expect(kept.buffer.byteLength).toBe(bytes.length);
  expect(await cache.read(digest)).toBe(kept);
});
