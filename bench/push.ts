import type { BuiltManifest, Content } from '@dockchains/testing';

import type { Connection } from './connection.ts';
import { freshLargeBlob, freshSmallImage, LARGE_BYTES } from './content.ts';
import { REPOSITORY } from './target.ts';

/** Pushes a blob as it is, by POST and one PUT. */
export async function pushBlob(
  connection: Connection,
  repository: string,
  { descriptor, bytes }: Content,
): Promise<void> {
  const location = await startUpload(connection, repository);
  const path = withDigest(location, descriptor.digest);
  await connection.send({ method: 'PUT', path, body: bytes, expect: 201 });
}

/** Pushes a manifest whose blobs are there. */
export async function pushManifest(
  connection: Connection,
  repository: string,
  { manifest, reference }: { manifest: BuiltManifest; reference: string },
): Promise<void> {
  await connection.send({
    method: 'PUT',
    path: `/v2/${repository}/manifests/${reference}`,
    headers: { 'content-type': manifest.descriptor.mediaType },
    body: manifest.bytes,
    expect: 201,
  });
}

/** Pushes 64 MiB by docker's three requests: POST, PATCH in chunks without a length, PUT; gives the bytes. */
export async function pushLargeBlob(connection: Connection): Promise<number> {
  const { digest, chunks } = freshLargeBlob();
  const location = await startUpload(connection, REPOSITORY);
  const patched = await connection.send({ method: 'PATCH', path: location, body: chunks(), expect: 202 });
  await connection.send({ method: 'PUT', path: withDigest(patched.location, digest), expect: 201 });
  return LARGE_BYTES;
}

/** Pushes an image of one small layer by docker's five requests: HEAD, POST, PATCH, PUT and the manifest; gives the bytes. */
export async function pushSmallImage(connection: Connection): Promise<number> {
  const { layer, manifest } = freshSmallImage();
  const { digest, size } = layer.descriptor;
  await connection.send({ method: 'HEAD', path: `/v2/${REPOSITORY}/blobs/${digest}`, expect: 404 });
  const location = await startUpload(connection, REPOSITORY);
  const patched = await connection.send({ method: 'PATCH', path: location, body: layer.bytes, expect: 202 });
  await connection.send({ method: 'PUT', path: withDigest(patched.location, digest), expect: 201 });
  const reference = `push-${digest.slice(-12)}`;
  await pushManifest(connection, REPOSITORY, { manifest, reference });
  return size + manifest.bytes.length;
}

async function startUpload(connection: Connection, repository: string): Promise<string> {
  const path = `/v2/${repository}/blobs/uploads/`;
  const { location } = await connection.send({ method: 'POST', path, expect: 202 });
  return location;
}

function withDigest(location: string, digest: string): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`;
}
