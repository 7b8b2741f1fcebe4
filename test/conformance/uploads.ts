import type { Digest } from '@dockchains/oci';

import { locationOf, type Reply, type Repository } from './registry.ts';

const OCTETS = { 'content-type': 'application/octet-stream' };

/** A way of uploading a blob: gives the reply that closes it. */
export type UploadWay = (repository: Repository, bytes: Buffer, digest: Digest) => Promise<Reply>;

/** Begins an upload and gives its reply, whose Location takes the bytes. */
export async function beginUpload(repository: Repository): Promise<Reply> {
  const begun = await repository.request('POST', 'blobs/uploads/');
  if (begun.status !== 202) throw new Error(`POST answered ${begun.status}: ${begun.body.toString()}`);
  return begun;
}

/** Sends one chunk with its Content-Range to where the last reply pointed. */
export function sendChunk(
  repository: Repository,
  last: Reply,
  chunk: { method?: 'PATCH' | 'PUT'; bytes: Buffer; start: number; digest?: Digest },
): Promise<Reply> {
  const { method = 'PATCH', bytes, start, digest } = chunk;
  return repository.request(method, locationOf(last), {
    body: bytes,
    headers: { ...OCTETS, 'content-range': `${start}-${start + bytes.length - 1}` },
    ...(digest !== undefined && { query: { digest } }),
  });
}

/** Closes an upload; the body is its last bytes, if any are left. */
export function closeUpload(
  repository: Repository,
  last: Reply,
  digest: Digest,
  body?: Buffer,
): Promise<Reply> {
  return repository.request('PUT', locationOf(last), {
    headers: OCTETS,
    query: { digest },
    ...(body !== undefined && { body }),
  });
}

/** One POST with the bytes. */
export const postOnly: UploadWay = (repository, bytes, digest) =>
  repository.request('POST', 'blobs/uploads/', { body: bytes, headers: OCTETS, query: { digest } });

/** POST, then one PUT with the bytes. */
export const postPut: UploadWay = async (repository, bytes, digest) =>
  closeUpload(repository, await beginUpload(repository), digest, bytes);

/** POST, PATCH with chunked transfer encoding and neither length nor range, empty PUT. */
export const stream: UploadWay = async (repository, bytes, digest) => {
  const begun = await beginUpload(repository);
  const patched = await repository.request('PATCH', locationOf(begun), {
    body: inParts(bytes),
    headers: OCTETS,
  });
  expectAccepted(patched);
  return closeUpload(repository, patched, digest);
};

/** POST, one PATCH with Content-Range, empty PUT. */
export const chunkedSingle: UploadWay = (repository, bytes, digest) =>
  chunked(repository, bytes, digest, { count: 1, last: 'PATCH' });

/** POST, three PATCHes, empty PUT. */
export const chunkedMulti: UploadWay = (repository, bytes, digest) =>
  chunked(repository, bytes, digest, { count: 3, last: 'PATCH' });

/** POST, two PATCHes, and a PUT with the third chunk. */
export const chunkedPutLast: UploadWay = (repository, bytes, digest) =>
  chunked(repository, bytes, digest, { count: 3, last: 'PUT' });

async function chunked(
  repository: Repository,
  bytes: Buffer,
  digest: Digest,
  { count, last }: { count: number; last: 'PATCH' | 'PUT' },
): Promise<Reply> {
  const size = Math.ceil(bytes.length / count);
  let reply = await beginUpload(repository);
  for (let start = 0; start < bytes.length; start += size) {
    const part = bytes.subarray(start, start + size);
    const closing = last === 'PUT' && start + size >= bytes.length;
    if (closing) return sendChunk(repository, reply, { method: 'PUT', bytes: part, start, digest });
    reply = await sendChunk(repository, reply, { bytes: part, start });
    expectAccepted(reply);
  }
  return closeUpload(repository, reply, digest);
}

/** The four ways that clients use, for tests that take any. */
export const UPLOAD_WAYS: readonly UploadWay[] = [postPut, postOnly, stream, chunkedMulti];

function expectAccepted(reply: Reply): void {
  if (reply.status !== 202) throw new Error(`PATCH answered ${reply.status}: ${reply.body.toString()}`);
}

async function* inParts(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += 1000) {
    yield await Promise.resolve(bytes.subarray(start, start + 1000));
  }
}
