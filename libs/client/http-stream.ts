import type { ClientRequest, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

import { DirectBody, READING } from './direct-body.ts';
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

/** An answer of 2xx, or 401, whose body comes as it arrives, a long one in the cheapest way; whoever does not read it to its end destroys it. */
export type StreamedResponse = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readable | DirectBody;
};

type Answer = { readonly response: IncomingMessage; readonly body: IncomingMessage | DirectBody };

const IDLE_MS = 15_000;
// Of what is waited for, or a byte from time to time would hold a transfer's place for ever: 4 KiB/s leave room for many transfers over a slow link.
const PACE = { bytes: 30 * 4096, ms: 30_000, lookMs: 1_000 };
const MAX_ERROR_BYTES = 64 * 1024;

/**
 * Sends a GET and gives the answer as soon as its head is there; a 401 passes, for its challenge. By Node's own client, which goes through the same proxies
 * as `fetch` and follows no redirection: `fetch` copies each part once more on its way.
 * @throws ClientError of every code; the body fails with TIMEOUT where it stops coming or comes at less than 4 KiB/s over 30 s, and with the connection's own error where it breaks off
 */
export async function sendStreamed(request: StreamedRequest): Promise<StreamedResponse> {
  const { url } = request;
  const { response, body } = await answerOf(request).catch((cause: unknown) => {
    throw toClientError(cause, url);
  });
  const { statusCode: status = 0 } = response;
  const answer = { status, headers: headersOf(response) };
  if (status >= 200 && status < 300) return { ...answer, body };
  const bytes = await readStart(response, MAX_ERROR_BYTES).catch((cause: unknown) => {
    throw toClientError(cause, url);
  });
  if (status === 401) return { ...answer, body: Readable.from([]) };
  throw statusError(url, { ...answer, bytes });
}

/**
 * Asks again where an idle connection turns out to have been given up by the other side, since nothing was answered on it: a gateway that was started anew has
 * given up all of them, and each may be taken once.
 */
async function answerOf(request: StreamedRequest): Promise<Answer> {
  for (;;) {
    const { sent, answered } = ask(request);
    try {
      return await answered;
    } catch (error) {
      if (!sent.reusedSocket || !isReset(error)) throw error;
    }
  }
}

function ask({ url, headers, signal, idleMs = IDLE_MS }: StreamedRequest): {
  readonly sent: ClientRequest;
  readonly answered: Promise<Answer>;
} {
  // Not loaded before it is needed: most gateways never fetch a layer.
  const { request } = process.getBuiltinModule(url.startsWith('https:') ? 'node:https' : 'node:http');
  const sent = request(url, {
    headers: { ...headers, 'accept-encoding': 'identity' },
    timeout: idleMs,
    ...READING,
    ...(signal && { signal }),
  });
  const answered = new Promise<Answer>((resolve, reject) => {
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
      const { socket, statusCode = 0 } = response;
      const direct = statusCode >= 200 && statusCode < 300 ? DirectBody.find(response) : undefined;
      // What has come and waits for the reader was sent in time.
      const isHeld = (): boolean => direct?.isHeld ?? response.readableLength > 0;
      sent.on('timeout', () => {
        if (isHeld()) socket.setTimeout(idleMs);
        else response.destroy(late());
      });
      watchPace(response, url, isHeld);
      resolve({ response, body: direct ?? response });
    });
    sent.end();
  });
  return { sent, answered };
}

/** Gives up an answer that comes too slowly; time in which what has come waits for the reader does not count. */
function watchPace(response: IncomingMessage, url: string, isHeld: () => boolean): void {
  const { socket } = response;
  let from = socket.bytesRead;
  let waitedMs = 0;
  const timer = setInterval(() => {
    if (isHeld()) return;
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
