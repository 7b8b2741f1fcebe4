import type { Readable } from 'node:stream';

import { Client } from 'undici';

import type { Target } from './target.ts';

/** A request with a status that must come. */
export interface BenchRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT';
  /** Path and query, or a URL of the same registry. */
  readonly path: string;
  readonly expect: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A buffer goes with its length, a stream in chunks without one, as docker sends layers. */
  readonly body?: Buffer | Readable;
}

/** What came back: the body is counted and dropped. */
export interface BenchAnswer {
  readonly bytes: number;
  readonly location: string;
}

/** One connection that is kept alive, with one request at a time. */
export interface Connection {
  send(request: BenchRequest): Promise<BenchAnswer>;
  close(): Promise<void>;
}

const ACCEPT = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/octet-stream',
].join(', ');

/** Opens a connection to a registry; its requests name OCI types, without which the peer finds no OCI manifest. */
export async function connect({ url, authorize }: Target): Promise<Connection> {
  const client = new Client(url, { pipelining: 1 });
  const common = { accept: ACCEPT, ...(await authorize()) };
  return {
    async send({ method, path, expect, headers, body }) {
      const { pathname, search } = new URL(path, url);
      const answer = await client.request({
        ...{ method, path: `${pathname}${search}`, headers: { ...common, ...headers } },
        ...(body !== undefined && { body }),
        reset: false, // else undici gives up the connection after each HEAD
      });
      if (answer.statusCode !== expect) {
        throw new Error(`${method} ${path} answered ${answer.statusCode}: ${await answer.body.text()}`);
      }
      let bytes = 0;
      for await (const chunk of answer.body as AsyncIterable<Buffer>) bytes += chunk.length;
      const { location } = answer.headers;
      return { bytes, location: typeof location === 'string' ? location : '' };
    },
    close: () => client.close(),
  };
}
