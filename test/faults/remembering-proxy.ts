import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

import { request } from 'undici';

/** A gateway's stand-in that does what no gateway may: it answers a GET or HEAD as it did the first time. */
export interface RememberingProxy {
  readonly url: string;
  close(): Promise<void>;
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
type Remembered = { status: number; headers: Record<string, string | string[] | undefined>; body: Buffer };

/** Starts a stand-in for the gateway at `url`. */
export async function rememberAnswers(url: string): Promise<RememberingProxy> {
  const remembered = new Map<string, Remembered>();
  const ask = async (incoming: IncomingMessage): Promise<Remembered> => {
    const { authorization = '', 'content-type': type = '' } = incoming.headers;
    const body = await buffer(incoming);
    const answer = await request(`${url}${incoming.url ?? ''}`, {
      method: incoming.method as Method,
      headers: { authorization, ...(type !== '' && { 'content-type': type }) },
      body: body.length === 0 ? null : body,
    });
    const read = Buffer.from(await answer.body.arrayBuffer());
    return { status: answer.statusCode, headers: answer.headers, body: read };
  };
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const method = incoming.method as Method;
      const key = `${method} ${incoming.url ?? ''}`;
      const answer = remembered.get(key) ?? (await ask(incoming));
      if (method === 'GET' || method === 'HEAD') remembered.set(key, answer);
      outgoing.writeHead(answer.status, answer.headers).end(answer.body);
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
