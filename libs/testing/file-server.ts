import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const ROOT = '/log/public/';

/** A web server on this machine. */
export type FileServer = {
  /** Of the log, as a gateway has it: `http://127.0.0.1:<port>/log/public`. */
  readonly url: string;
  /** Paths below that URL that were asked for. */
  readonly requests: readonly string[];
  close(): Promise<void>;
};

/** Serves the files of a log by their path below its URL, on a free port, as they are at the time of each request; anything else is 404. */
export async function serveFiles(files: ReadonlyMap<string, Buffer>): Promise<FileServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? '').slice(ROOT.length);
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
    url: `http://127.0.0.1:${port}${ROOT.slice(0, -1)}`,
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
