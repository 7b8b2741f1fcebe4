import { buildImage, buildIndex, type BuiltManifest, type TestGateway } from '@dockchains/testing';
import { expect } from 'vitest';

import { ask } from '../graphql/session.ts';
import {
  type Answer,
  beginUpload,
  openSession,
  putManifest,
  randomBlob,
  type Session,
} from '../registry-http.ts';

/** What was put into a gateway, for a later one to show. */
export interface Contents {
  readonly repository: string;
  readonly tags: ReadonlyMap<string, BuiltManifest>;
  readonly untagged: readonly BuiltManifest[];
  readonly referrers: { readonly subject: BuiltManifest; readonly digests: readonly string[] };
  readonly absent: { readonly manifests: readonly string[]; readonly tags: readonly string[] };
  /** An upload that has its first bytes. */
  readonly unfinished: {
    readonly path: string;
    readonly bytes: Buffer;
    readonly digest: string;
    readonly received: number;
  };
  /** The records of the tags, as the pushes were answered. */
  readonly records: ReadonlyMap<string, string>;
}

const REPOSITORY = 'public/kept/app';
const CHUNK_BYTES = 50_000;

/** Fills a repository with a kind of each: images, an index, referrers, a tag that moved, what was deleted, an upload under way. */
export async function fill(gateway: TestGateway): Promise<Contents> {
  const session = await openSession(gateway, REPOSITORY);
  const [image, other, moved, gone, left] = [1, 2, 3, 4, 5].map(() => buildImage());
  if (!image || !other || !moved || !gone || !left) throw new Error('There are five images.');
  const index = buildIndex([buildImage({ algorithm: 'sha512' }), other]);
  const [signature, sbom] = ['application/vnd.test.signature', 'application/vnd.test.sbom'].map(
    (artifactType) => buildImage({ artifactType, subject: image.descriptor, annotations: { artifactType } }),
  );
  if (!signature || !sbom) throw new Error('There are two referrers.');

  const records = new Map<string, string>();
  const tag = async (name: string, built: BuiltManifest): Promise<void> => {
    records.set(name, await push(session, built, name));
  };
  await tag('1.0', image);
  await tag('latest', image);
  await tag('latest', moved);
  await tag('index', index);
  await tag('going', gone);
  await push(session, left);
  await push(session, signature);
  await push(session, sbom);
  await remove(session, '/manifests/going');
  await remove(session, `/manifests/${gone.descriptor.digest}`);

  const { bytes, digest } = randomBlob(3 * CHUNK_BYTES);
  const path = await beginUpload(session);
  for (const start of [0, CHUNK_BYTES]) {
    const body = bytes.subarray(start, start + CHUNK_BYTES);
    const headers = { 'content-range': `${start}-${start + CHUNK_BYTES - 1}` };
    expect((await session.call(path, { method: 'PATCH', body, headers })).status).toBe(202);
  }
  return {
    repository: REPOSITORY,
    tags: new Map([
      ['1.0', image],
      ['latest', moved],
      ['index', index],
    ]),
    untagged: [left, signature, sbom],
    referrers: { subject: image, digests: [signature, sbom].map(({ descriptor }) => descriptor.digest) },
    absent: { manifests: [gone.descriptor.digest], tags: ['going'] },
    unfinished: { path, bytes, digest, received: 2 * CHUNK_BYTES },
    records,
  };
}

/** Checks that a gateway shows all of the contents, byte for byte, and nothing of what was deleted. */
export async function verifyContents(gateway: TestGateway, contents: Contents): Promise<void> {
  const session = await openSession(gateway, contents.repository);
  for (const [name, built] of contents.tags) {
    const answer = await session.call(`/manifests/${name}`);
    expect(answer.body.equals(built.bytes)).toBe(true);
    expect(answer.headers.get('docker-content-digest')).toBe(built.descriptor.digest);
  }
  for (const built of [...contents.tags.values(), ...contents.untagged]) await verifyBuilt(session, built);
  for (const reference of [...contents.absent.manifests, ...contents.absent.tags]) {
    expect((await session.call(`/manifests/${reference}`)).status).toBe(404);
  }
  const { tags } = parse(await session.call('/tags/list')) as { tags: string[] };
  expect(tags.toSorted()).toEqual([...contents.tags.keys()].toSorted());
  const { subject, digests } = contents.referrers;
  const { manifests } = parse(await session.call(`/referrers/${subject.descriptor.digest}`)) as {
    manifests: { digest: string }[];
  };
  expect(manifests.map(({ digest }) => digest).toSorted()).toEqual(digests.toSorted());
}

/** Pushes the tags again, which changes nothing, and must be answered with the records of the first time. */
export async function verifyRecords(gateway: TestGateway, contents: Contents): Promise<void> {
  const session = await openSession(gateway, contents.repository);
  for (const [name, built] of contents.tags) {
    const answer = await putManifest(session, name, built);
    expect(answer.headers.get('dockchains-record')).toBe(contents.records.get(name));
  }
}

/** Ends the upload that was under way. */
export async function finishUpload(
  gateway: TestGateway,
  { repository, unfinished }: Contents,
): Promise<void> {
  const session = await openSession(gateway, repository);
  const { path, bytes, digest, received } = unfinished;
  const state = await session.call(path);
  expect([state.status, state.headers.get('range')]).toEqual([204, `0-${received - 1}`]);
  const answer = await session.call(`${path}?digest=${digest}`, {
    method: 'PUT',
    body: bytes.subarray(received),
  });
  expect(answer.status).toBe(201);
  expect((await session.call(`/blobs/${digest}`)).body.equals(bytes)).toBe(true);
}

/** Makes a private namespace, which an earlier version could not, and pushes and pulls in it. */
export async function usePrivately(gateway: TestGateway): Promise<void> {
  const token = await gateway.token(gateway.operator, 'repository:**:pull,push,delete,admin');
  const rule = 'mutation { setNamespaceRule(pattern: "hidden/**", visibility: PRIVATE) { pattern } }';
  expect((await ask(gateway, rule, { token })).codes).toEqual([]);
  const repository = 'hidden/app';
  const session = await openSession({ ...gateway, publisher: gateway.operator }, repository);
  const image = buildImage();
  await push(session, image, '1.0');
  await verifyBuilt(session, image);
  expect((await fetch(`${gateway.url}/v2/${repository}/manifests/1.0`)).status).toBe(401);
}

async function verifyBuilt(session: Session, { manifests, blobs }: BuiltManifest): Promise<void> {
  for (const { descriptor, bytes } of manifests) {
    const answer = await session.call(`/manifests/${descriptor.digest}`);
    expect(answer.body.equals(bytes)).toBe(true);
    expect(answer.headers.get('content-type')).toBe(descriptor.mediaType);
  }
  for (const { descriptor, bytes } of blobs) {
    expect((await session.call(`/blobs/${descriptor.digest}`)).body.equals(bytes)).toBe(true);
  }
}

/** Pushes a built manifest with all that is below it, untagged without a name; gives the record's id. */
async function push(session: Session, built: BuiltManifest, name?: string): Promise<string> {
  for (const { descriptor, bytes } of built.blobs) {
    const path = `/blobs/uploads/?digest=${descriptor.digest}`;
    expect((await session.call(path, { method: 'POST', body: bytes })).status).toBe(201);
  }
  let record = '';
  for (const [place, manifest] of built.manifests.entries()) {
    const isLast = place === built.manifests.length - 1;
    const reference = isLast && name !== undefined ? name : manifest.descriptor.digest;
    const answer = await session.call(`/manifests/${reference}`, {
      method: 'PUT',
      body: manifest.bytes,
      headers: { 'content-type': manifest.descriptor.mediaType },
    });
    expect(answer.status).toBe(201);
    record = answer.headers.get('dockchains-record') ?? '';
  }
  return record;
}

async function remove(session: Session, path: string): Promise<void> {
  expect((await session.call(path, { method: 'DELETE' })).status).toBe(202);
}

function parse({ body }: Answer): unknown {
  return JSON.parse(body.toString());
}
