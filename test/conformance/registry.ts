import { startGateway } from '@dockchains/testing';
import { afterAll, beforeAll } from 'vitest';

/** A response, read whole. */
export type Reply = { status: number; headers: Headers; body: Buffer; url: string };

/** What a request sends; a stream goes out in chunked transfer encoding, without a length. */
export type Sent = {
  headers?: Record<string, string>;
  body?: Buffer | AsyncIterable<Buffer>;
  query?: Record<string, string>;
  anonymous?: boolean;
};

/** One repository of the gateway under test, as a client with all rights in it speaks to it. */
export type Repository = {
  name: string;
  /** The header that carries the client's token. */
  authorization: { authorization: string };
  /** `path` is what follows `/v2/<name>/`, or an absolute URL such as a Location's. */
  request(method: string, path: string | URL, sent?: Sent): Promise<Reply>;
};

/** The gateway under test. */
export type Registry = {
  url(): string;
  /**
   * Gives a repository of a name in the public namespace: everybody may read it, the client may do all in it. Its token also lets
   * it pull from `sources`.
   */
  repository(name: string, sources?: readonly string[]): Promise<Repository>;
  request(method: string, path: string, headers?: Record<string, string>): Promise<Reply>;
};

type Gateway = Awaited<ReturnType<typeof startGateway>>;

/** Starts a gateway for the tests of one file, and stops it after them. */
export function useRegistry(): Registry {
  let gateway: Gateway | undefined;
  const running = (): Gateway => {
    if (gateway === undefined) throw new Error('The gateway is started by a hook: use it within a test.');
    return gateway;
  };
  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(() => gateway?.close());

  return {
    url: () => running().url,
    repository: (name, sources = []) => openRepository(running(), name, sources),
    request: (method, path, headers = {}) => send(method, new URL(path, running().url), { headers }),
  };
}

async function openRepository(
  gateway: Gateway,
  name: string,
  sources: readonly string[],
): Promise<Repository> {
  const token = await gateway.token(
    gateway.publisher,
    `repository:${name}:pull,push,delete`,
    ...sources.map((source) => `repository:${source}:pull`),
  );
  const authorization = { authorization: `Bearer ${token}` };
  return {
    name,
    authorization,
    request: (method, path, sent = {}) => {
      const url = new URL(path, `${gateway.url}/v2/${name}/`);
      const identity = sent.anonymous === true ? {} : authorization;
      return send(method, url, { ...sent, headers: { ...identity, ...sent.headers } });
    },
  };
}

async function send(method: string, url: URL, { headers = {}, body, query = {} }: Sent): Promise<Reply> {
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
  const response = await fetch(url, {
    method,
    headers,
    redirect: 'follow',
    ...(body !== undefined && { body: body as NonNullable<RequestInit['body']>, duplex: 'half' as const }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, body: bytes, url: url.href };
}

/** Gives the absolute URL of a reply's Location. */
export function locationOf(reply: Reply): URL {
  const location = reply.headers.get('location');
  if (location === null || location === '') throw new Error(`No Location with status ${reply.status}.`);
  return new URL(location, reply.url);
}

/** Gives the code of the first error of a reply's body. */
export function errorCodeOf(reply: Reply): string | undefined {
  const { errors } = JSON.parse(reply.body.toString()) as { errors: { code?: string }[] };
  return errors[0]?.code;
}
