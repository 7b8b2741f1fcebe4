import type { Readable } from 'node:stream';

import { Client, type Dispatcher } from 'undici';

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
export function connect(url: string, authorization: Readonly<Record<string, string>>): Connection {
  const client = new Client(url, { pipelining: 1 });
  const common = { accept: ACCEPT, ...authorization };
  return {
    send: ({ method, path, expect, headers, body }) =>
      new Promise((resolve, reject) => {
        const { pathname, search } = new URL(path, url);
        const answered = (status: number, answer: BenchAnswer): void => {
          if (status === expect) resolve(answer);
          else reject(new Error(`${method} ${path} answered ${status}, not ${expect}.`));
        };
        client.dispatch(
          {
            ...{ method, path: `${pathname}${search}`, headers: { ...common, ...headers } },
            ...(body !== undefined && { body }),
            reset: false, // else undici gives up the connection after each HEAD
          },
          countBody(answered, reject),
        );
      }),
    close: () => client.close(),
  };
}

/** Counts what comes without making a stream of it: the generator must not be what is measured. */
function countBody(
  answered: (status: number, answer: BenchAnswer) => void,
  failed: (error: Error) => void,
): Dispatcher.DispatchHandler {
  let [status, bytes, location] = [0, 0, ''];
  return {
    onRequestStart: () => undefined, // undici asks for it
    onResponseStart(_controller, code, headers) {
      status = code;
      if (typeof headers.location === 'string') ({ location } = headers);
    },
    onResponseData(_controller, chunk) {
      bytes += chunk.length;
    },
    onResponseEnd() {
      answered(status, { bytes, location });
    },
    onResponseError(_controller, error) {
      failed(error);
    },
  };
}
