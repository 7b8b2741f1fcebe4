import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';

/** An OTLP/HTTP collector that keeps every byte it was sent. */
export interface Collector {
  /** As OTEL_EXPORTER_OTLP_ENDPOINT has it. */
  readonly url: string;
  /** All exports so far, decompressed, one behind the other: protobuf, in which texts stand as they are. */
  bytes(): Buffer;
  readonly paths: ReadonlySet<string>;
  close(): Promise<void>;
}

/** Starts a collector that answers with a status, or never. */
export async function startCollector(answer: number | 'never' = 200): Promise<Collector> {
  const received: Buffer[] = [];
  const paths = new Set<string>();
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      paths.add(request.url ?? '');
      received.push(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body);
      if (answer !== 'never') response.writeHead(answer).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bytes: () => Buffer.concat(received),
    paths,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
