import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How a gateway of a test answers a request for a blob. */
type BlobAnswer = 'whole' | 'corrupt' | 'broken' | 'longer' | 'rangeless';

/** A gateway of another organisation, as far as mirrors ask it: real HTTP, and faults that the test sets. */
export interface FakeGateway {
  readonly url: string;
  /** By digest. */
  readonly manifests: Map<string, { readonly mediaType: string; readonly bytes: Uint8Array }>;
  readonly blobs: Map<string, Buffer>;
  /** Path, range and `Dockchains-Via` of each request. */
  readonly requests: { readonly path: string; readonly range: string | undefined; readonly via: unknown }[];
  answer: BlobAnswer;
  /** How many blobs were no longer wanted before they were sent. */
  cutOff: number;
  /** Every request is cut off before its answer. */
  away: boolean;
  /** Blobs are held back before their last byte until this settles. */
  gate: Promise<unknown>;
  close(): Promise<void>;
}

/** Starts one on a free port of this machine. */
export async function startFakeGateway(): Promise<FakeGateway> {
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const { range } = request.headers;
    gateway.requests.push({ path, range, via: request.headers['dockchains-via'] });
    if (gateway.away) {
      request.socket.destroy();
      return;
    }
    const digest = path.slice(path.lastIndexOf('/') + 1);
    const manifest = path.includes('/manifests/') ? gateway.manifests.get(digest) : undefined;
    const blob = path.includes('/blobs/') ? gateway.blobs.get(digest) : undefined;
    if (manifest !== undefined) {
      response.writeHead(200, { 'content-type': manifest.mediaType, 'docker-content-digest': digest });
      response.end(manifest.bytes);
    } else if (blob !== undefined) {
      const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
      const from = gateway.answer === 'rangeless' ? 0 : start;
      response.writeHead(from > 0 ? 206 : 200);
      response.on('close', () => {
        if (!response.writableEnded) gateway.cutOff += 1;
      });
      void sendBlob(response, blob.subarray(from), gateway);
    } else {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"errors":[{"code":"UNKNOWN","message":"There is none."}]}');
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const gateway: FakeGateway = {
    ...{ url: `http://127.0.0.1:${port}`, manifests: new Map(), blobs: new Map(), requests: [] },
    ...{ answer: 'whole', cutOff: 0, away: false, gate: Promise.resolve() },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
  return gateway;
}

async function sendBlob(response: ServerResponse, bytes: Buffer, gateway: FakeGateway): Promise<void> {
  const { answer } = gateway;
  if (answer === 'broken') {
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
    return;
  }
  const sent = answer === 'corrupt' ? Buffer.from(bytes.map((byte) => byte ^ 1)) : bytes;
  response.write(sent.subarray(0, -1));
  await gateway.gate;
  response.write(sent.subarray(-1));
  response.end(answer === 'longer' ? Buffer.alloc(4096) : undefined);
}
