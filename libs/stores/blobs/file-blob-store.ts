import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { type Digest, digestAlgorithm, digestOf } from '@dockchains/oci';

import type { BlobRange, BlobStore, OpenBlob } from './blob-store.ts';
import { DurableFolder, findSize } from './durable.ts';
import { BlobStoreError, guarded, hasErrno } from './errors.ts';
import { FileAsides } from './file-asides.ts';
import { FileUploads } from './file-uploads.ts';
import { openBlobOf } from './open-blob.ts';
import { receiveShort } from './receive-short.ts';
import { MAX_SHORT_BYTES } from './short-file.ts';
import { blobPath } from './short-files.mjs';
import { replayJournals } from './short-replay.mjs';
import { getShortWriter } from './short-writer.ts';

/**
 * Opens a blob store in a folder of the file system, made if it is not there: `blobs/<algorithm>/<2 hex>/<hex>`, `uploads/<id>`, `removed/`,
 * `journal/` and `tmp/`, all on one file system. What journals have comes to its place, and temporary files that dead ones left over an
 * hour before `now` are removed.
 */
export async function openFileBlobStore(root: string, now: Date = new Date()): Promise<BlobStore> {
  const folder = new DurableFolder(root);
  const pathOf = (digest: Digest): string => blobPath(root, digest);
  const uploads = new FileUploads(folder, pathOf);
  const asides = new FileAsides(folder, pathOf);
  await guarded('open the blob store', async () => {
    await folder.open(now);
    await uploads.open();
    await asides.open();
    await folder.ensure(join(folder.root, 'journal'));
    replayJournals(folder.root);
  });

  return {
    stat: (digest) => guarded('look up a blob', () => statBlob(pathOf(digest))),
    open: (digest, range) => guarded('open a blob', () => openBlob(pathOf(digest), digest, range)),
    read: (digest, maxBytes) => guarded('read a blob', () => readBlob(pathOf(digest), digest, maxBytes)),
    put: (bytes, digest, beforePlacing) =>
      withStep(beforePlacing, (place) =>
        guarded('store a blob', () => putBlob({ folder, place }, bytes, digest)),
      ),
    setAside: (digest) => guarded('set a blob aside', () => asides.setAside(digest)),
    restore: (aside) => guarded('put a blob back', () => asides.restore(aside)),
    discard: (aside) => guarded('delete a blob', () => asides.discard(aside)),
    listSetAside: () => guarded('list what is set aside', () => asides.list()),
    createUpload: (id, algorithm, bytes) =>
      guarded('begin an upload', () => uploads.create(id, algorithm, bytes)),
    receiveShort: (source, maxBytes) => receiveShort(source, maxBytes),
    appendUpload: (id, offset, source, options) =>
      guarded('write an upload', () => uploads.append(id, offset, source, options)),
    openUpload: (id, range) => guarded('read an upload', () => uploads.read(id, range)),
    uploadSize: (id) => guarded('look up an upload', () => uploads.size(id)),
    commitUpload: (id, expected, beforePlacing) =>
      withStep(beforePlacing, (place) =>
        guarded('commit an upload', () => uploads.commit(id, expected, place)),
      ),
    cancelUpload: (id) => guarded('cancel an upload', () => uploads.cancel(id)),
    forgetUpload: (id) => {
      uploads.forget(id);
    },
    listUploads: () => guarded('list the uploads', () => uploads.list()),
  };
}

async function statBlob(path: string): Promise<{ size: number } | undefined> {
  const size = await findSize(path);
  return size === undefined ? undefined : { size };
}

async function openBlob(path: string, digest: Digest, range: BlobRange | undefined): Promise<OpenBlob> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw unknownIfAbsent(error, digest);
  });
  return openBlobOf(file, range ?? { start: 0, end: (await file.stat()).size - 1 });
}

async function readBlob(path: string, digest: Digest, maxBytes: number): Promise<Buffer> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw unknownIfAbsent(error, digest);
  });
  try {
    const { size } = await file.stat();
    if (size > maxBytes) {
      throw new BlobStoreError('TOO_LARGE', `Blob ${digest} is longer than ${maxBytes} bytes.`);
    }
    const bytes = Buffer.allocUnsafe(size);
    let read = 0;
    while (read < size) {
      const { bytesRead } = await file.read(bytes, read, size - read, read);
      if (bytesRead === 0) throw new BlobStoreError('IO', `Blob ${digest} became shorter while it was read.`);
      read += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

async function putBlob(
  { folder, place }: { folder: DurableFolder; place: (() => Promise<void>) | undefined },
  bytes: Uint8Array,
  digest: Digest,
): Promise<void> {
  if (digestOf(bytes, digestAlgorithm(digest)) !== digest) {
    throw new BlobStoreError('DIGEST_MISMATCH', `The bytes are not those of ${digest}.`);
  }
  await place?.();
  const isShort = bytes.length > 0 && bytes.length <= MAX_SHORT_BYTES;
  if (isShort && (await getShortWriter().write({ root: resolve(folder.root), digest, bytes }))) return;
  await folder.put(bytes, blobPath(folder.root, digest));
}

/** Runs an operation within which the caller has a step of his own: what that throws stays the caller's. */
async function withStep<T>(
  step: (() => Promise<void>) | undefined,
  operation: (step: (() => Promise<void>) | undefined) => Promise<T>,
): Promise<T> {
  if (step === undefined) return operation(undefined);
  let refusal: { error: unknown } | undefined;
  const place = (): Promise<void> =>
    step().catch((error: unknown) => {
      refusal = { error };
      throw error;
    });
  try {
    return await operation(place);
  } catch (error) {
    throw refusal === undefined ? error : refusal.error;
  }
}

function unknownIfAbsent(error: unknown, digest: Digest): unknown {
  if (!hasErrno(error, 'ENOENT')) return error;
  return new BlobStoreError('BLOB_UNKNOWN', `There is no blob ${digest}.`, { cause: error });
}
