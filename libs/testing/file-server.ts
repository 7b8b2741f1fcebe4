import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A web server on this machine. */
export type FileServer = {
  /** Without a slash at the end. */
  readonly url: string;
  /** Paths that were asked for, without the slash at the beginning. */
  readonly requests: readonly string[];
  close(): Promise<void>;
};

/** Serves files by their path on a free port, as they are at the time of each request; anything else is 404. */
export async function serveFiles(files: ReadonlyMap<string, Buffer>): Promise<FileServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? '').slice(1);
    requests.push(path);
    const file = files.get(path);
    response.writeHead(file === undefined ? 404 : 200, { 'content-type': 'application/octet-stream' });
    response.end(file);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // listen() on a host and port gives an address with a port, never a pipe's name.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
