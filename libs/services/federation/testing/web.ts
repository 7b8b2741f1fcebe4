import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What a path is answered with instead of its file. */
export type Answer = { readonly status: number; readonly location?: string } | Buffer | undefined;

/** A gateway's HTTP side under a test's control. */
export type Web = {
  readonly url: string;
  /** By path, such as `/log/public/checkpoint`. */
  readonly files: Map<string, Buffer>;
  /** Paths that were asked for. */
  readonly requests: string[];
  /** Bodies posted to `/federation/cosigned`. */
  readonly posted: string[];
  /** Decides about a path; undefined leaves it to the files. */
  tamper: (path: string, file: Buffer | undefined) => Answer | Promise<Answer>;
  /** Waits until a body was posted for which this holds. */
  awaitPosted(wanted: (body: string) => boolean): Promise<string>;
  close(): Promise<void>;
};

/** Serves files on a free port. */
export async function serveWeb(): Promise<Web> {
  const waiting = new Set<() => void>();
  const web: Omit<Web, 'url' | 'close'> = {
    files: new Map(),
    requests: [],
    posted: [],
    tamper: () => undefined,
    awaitPosted: (wanted) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = web.posted.find(wanted);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '';
    web.requests.push(path);
    const file = web.files.get(path);
    const said = (await web.tamper(path, file)) ?? file;
    if (request.method === 'POST' && said === undefined) {
      web.posted.push(await text(request));
      response.end('{}');
      for (const look of waiting) look();
    } else if (Buffer.isBuffer(said)) {
      response.end(said);
    } else {
      response.writeHead(
        said?.status ?? 404,
        said?.location === undefined ? {} : { location: said.location },
      );
      response.end();
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // listen() on a host and port gives an address with a port, never a pipe's name.
  const { port } = server.address() as AddressInfo;
  return Object.assign(web, {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  });
}
