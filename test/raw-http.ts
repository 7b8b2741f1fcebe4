import { once } from 'node:events';
import { type Agent, type IncomingMessage, request } from 'node:http';

/** A request in its final form: the path is sent as it is written, neither normalised nor encoded. */
interface RawRequest {
  readonly method: string;
  readonly path: string;
  /** A bearer token; none is sent without. */
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Buffer | string | undefined;
  readonly agent?: Agent;
}

/** Sends a request to `host`, `<name>:<port>`, and reads the whole answer. */
export async function sendRaw(
  host: string,
  { method, path, token, headers, body, agent }: RawRequest,
): Promise<{ response: IncomingMessage; status: number; body: Buffer }> {
  const [hostname, port] = host.split(':');
  const sent = request({
    ...{ hostname, port, method, path, ...(agent && { agent }) },
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
      ...headers,
    },
  });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return { response, status: response.statusCode ?? 0, body: Buffer.concat(chunks) };
}
