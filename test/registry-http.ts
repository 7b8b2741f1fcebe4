import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';

import { type Digest, digestOf } from '@dockchains/oci';
import type { BuiltManifest, TestGateway } from '@dockchains/testing';

/** What a gateway answered, its body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** A request's method, body and headers; GET and nothing by default. */
export interface Call {
  readonly method?: string;
  readonly body?: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One account's requests to one repository of a gateway, with a token for it. */
export interface Session {
  readonly repository: string;
  /** Calls a path below the repository's, such as `/manifests/1.0`, or one that begins with `/v2/`. */
  call(path: string, call?: Call): Promise<Answer>;
  /** Opens a request whose body the test writes itself; `answer` settles when it is answered or has failed. */
  stream(path: string, call?: Call): { sent: ClientRequest; answer: Promise<Answer> };
}

/** Opens a session of the gateway's publisher. */
export async function openSession(gateway: TestGateway, repository: string): Promise<Session> {
  const token = await gateway.token(gateway.publisher, `repository:${repository}:pull,push,delete`);
  const urlOf = (path: string): URL =>
    new URL(path.startsWith('/v2/') ? path : `/v2/${repository}${path}`, gateway.url);
  const stream: Session['stream'] = (path, { method = 'GET', headers = {} } = {}) => {
    const sent = request(urlOf(path), { method, headers: { authorization: `Bearer ${token}`, ...headers } });
    return { sent, answer: readAnswer(sent) };
  };
  return {
    repository,
    stream,
    call(path, call = {}) {
      const length = call.body === undefined ? {} : { 'content-length': String(call.body.length) };
      const { sent, answer } = stream(path, { ...call, headers: { ...length, ...call.headers } });
      sent.end(call.body);
      return answer;
    },
  };
}

async function readAnswer(sent: ClientRequest): Promise<Answer> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(response.headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  return { status: response.statusCode ?? 0, headers, body: Buffer.concat(chunks) };
}

/** Random bytes and their digest. */
export function randomBlob(size: number): { bytes: Buffer; digest: Digest } {
  const bytes = randomBytes(size);
  return { bytes, digest: digestOf(bytes) };
}

/** Begins an upload and gives its path. */
export async function beginUpload(session: Session): Promise<string> {
  const { status, headers } = await session.call('/blobs/uploads/', { method: 'POST' });
  if (status !== 202) throw new Error(`The upload was not begun: ${status}`);
  return headers.get('location') ?? '';
}

/** Pushes the blobs of an image, which must have no children. */
export async function pushBlobs(session: Session, { blobs }: BuiltManifest): Promise<void> {
  for (const { bytes, descriptor } of blobs) {
    const path = `/blobs/uploads/?digest=${descriptor.digest}`;
    const { status } = await session.call(path, { method: 'POST', body: bytes });
    if (status !== 201) throw new Error(`The blob was not taken: ${status}`);
  }
}

/** Pushes a whole image, which must have no children, as the gateway's publisher. */
export async function pushImage(
  gateway: TestGateway,
  name: { readonly repository: string; readonly tag: string },
  image: BuiltManifest,
): Promise<void> {
  const session = await openSession(gateway, name.repository);
  await pushBlobs(session, image);
  const { status } = await putManifest(session, name.tag, image);
  if (status !== 201) throw new Error(`The manifest was not taken: ${status}`);
}

/** Pushes an image's manifest alone. */
export function putManifest(session: Session, reference: string, image: BuiltManifest): Promise<Answer> {
  return session.call(`/manifests/${reference}`, {
    method: 'PUT',
    body: image.bytes,
    headers: { 'content-type': image.descriptor.mediaType },
  });
}
