import type { ClientRequest, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';

import { ClientError } from './errors.ts';
import { statusError, toClientError } from './http.ts';
import { printable } from './text.ts';

/** One request whose answer is read as it comes. */
export type StreamedRequest = {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long to wait for the answer, and then for each next part of it, in milliseconds. */
  readonly idleMs?: number;
  /** Ends it, wherever it is. */
  readonly signal?: AbortSignal | undefined;
};

/** An answer of 2xx, or 401, whose body comes as it arrives; whoever does not read it to its end destroys it. */
export type StreamedResponse = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readable;
};

const IDLE_MS = 15_000;
// Of what is waited for, or a byte from time to time would hold a transfer's place for ever: 4 KiB/s leave room for many transfers over a slow link.
const PACE = { bytes: 30 * 4096, ms: 30_000, lookMs: 1_000 };
const MAX_ERROR_BYTES = 64 * 1024;

/**
 * Sockets read into one buffer that all of them share, not each time into a new one of 64 KiB: a quarter of the reads, and half of the garbage. What is read is
 * parsed before the next is, and the parser copies what it gives; whatever waits in the socket gets memory of its own.
 */
const READING = {
  onread: {
    buffer: Buffer.allocUnsafeSlow(256 * 1024),
    callback(this: unknown, length: number, buffer: Buffer): boolean {
      if (!(this instanceof Socket)) throw new TypeError('Node does not say which socket was read.');
      const bytes = buffer.subarray(0, length);
      const isParsedNow = this.readableFlowing === true && this.readableLength === 0;
      return this.push(isParsedNow ? bytes : Buffer.from(bytes));
    },
  },
};

/**
 * Sends a GET and gives the answer as soon as its head is there; a 401 passes, for its challenge. By Node's own client, which goes through the same proxies
 * as `fetch` and follows no redirection: `fetch` copies each part once more on its way.
 * @throws ClientError of every code; the body fails with TIMEOUT where it stops coming or comes at less than 4 KiB/s over 30 s, and with the connection's own error where it breaks off
 */
export async function sendStreamed(request: StreamedRequest): Promise<StreamedResponse> {
  const { url } = request;
  const response = await answerOf(request).catch((cause: unknown) => {
    throw toClientError(cause, url);
  });
  const { statusCode: status = 0 } = response;
  const answer = { status, headers: headersOf(response) };
  if (status >= 200 && status < 300) return { ...answer, body: response };
  const bytes = await readStart(response, MAX_ERROR_BYTES).catch((cause: unknown) => {
    throw toClientError(cause, url);
  });
  if (status === 401) return { ...answer, body: Readable.from([]) };
  throw statusError(url, { ...answer, bytes });
}

/** Asks again where an idle connection turns out to have been given up by the other side: nothing was answered on it. */
async function answerOf(request: StreamedRequest): Promise<IncomingMessage> {
  const first = ask(request);
  try {
    return await first.answered;
  } catch (error) {
    if (!first.sent.reusedSocket || !isReset(error)) throw error;
    return ask(request).answered;
  }
}

function ask({ url, headers, signal, idleMs = IDLE_MS }: StreamedRequest): {
  readonly sent: ClientRequest;
  readonly answered: Promise<IncomingMessage>;
} {
  // Not loaded before it is needed: most gateways never fetch a layer.
  const { request } = process.getBuiltinModule(url.startsWith('https:') ? 'node:https' : 'node:http');
  const sent = request(url, {
    headers: { ...headers, 'accept-encoding': 'identity' },
    timeout: idleMs,
    ...READING,
    ...(signal && { signal }),
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    const late = (): ClientError =>
      new ClientError('TIMEOUT', `${printable(url)} sent nothing for ${idleMs / 1000} s.`);
    // Not the socket's own timer, which a head that comes letter by letter would put off.
    const timer = setTimeout(() => sent.destroy(late()), idleMs);
    sent.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    sent.once('response', (response) => {
      clearTimeout(timer);
      const { socket } = response;
      sent.on('timeout', () => {
        // What has come and waits for the reader was sent in time.
        if (response.readableLength > 0) socket.setTimeout(idleMs);
        else response.destroy(late());
      });
      watchPace(response, url);
      resolve(response);
    });
    sent.end();
  });
  return { sent, answered };
}

/** Gives up an answer that comes too slowly; time in which what has come waits for the reader does not count. */
function watchPace(response: IncomingMessage, url: string): void {
  const { socket } = response;
  let from = socket.bytesRead;
  let waitedMs = 0;
  const timer = setInterval(() => {
    if (response.readableLength > 0) return;
    waitedMs += PACE.lookMs;
    if (waitedMs < PACE.ms) return;
    const bytes = socket.bytesRead - from;
    if (bytes < PACE.bytes) {
      const what = `${printable(url)} sent ${bytes} bytes in ${PACE.ms / 1000} s; less than ${PACE.bytes} are given up.`;
      response.destroy(new ClientError('TIMEOUT', what));
    }
    from = socket.bytesRead;
    waitedMs = 0;
  }, PACE.lookMs).unref();
  response.once('close', () => {
    clearInterval(timer);
  });
}

function headersOf({ headers }: IncomingMessage): Headers {
  const all = new Headers();
  for (const [name, value] of Object.entries(headers)) if (typeof value === 'string') all.set(name, value);
  return all;
}

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

async function readStart(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= maxBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxBytes);
}
