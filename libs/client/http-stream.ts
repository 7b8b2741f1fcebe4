import { ClientError } from './errors.ts';
import { type Fetch, statusError, toClientError } from './http.ts';
import { printable } from './text.ts';

/** One request whose answer is read as it comes. */
export type StreamedRequest = {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long to wait for the answer, and then for each next part of it, in milliseconds. */
  readonly idleMs?: number;
};

/** An answer of 2xx, or 401, whose body comes as it arrives. */
export type StreamedResponse = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AsyncIterable<Uint8Array>;
};

const IDLE_MS = 15_000;
const MAX_ERROR_BYTES = 64 * 1024;

/**
 * Sends a GET and gives the answer as soon as its head is there; a 401 passes, for its challenge.
 * @throws ClientError of every code; the body throws UNREACHABLE where it breaks off and TIMEOUT where it stops coming
 */
export async function sendStreamed(fetch: Fetch, request: StreamedRequest): Promise<StreamedResponse> {
  const { url, headers = {}, idleMs = IDLE_MS } = request;
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort();
  }, idleMs);
  const explain = (cause: unknown): ClientError =>
    controller.signal.aborted
      ? new ClientError('TIMEOUT', `${printable(url)} sent nothing for ${idleMs / 1000} s.`, { cause })
      : toClientError(cause, url);
  try {
    const response = await fetch(url, { headers, signal: controller.signal });
    const { status } = response;
    const answer = { status, headers: response.headers };
    if (response.ok) return { ...answer, body: read(response, { timer, explain }) };
    const bytes = await readStart(response, MAX_ERROR_BYTES);
    clearTimeout(timer);
    if (status === 401) return { ...answer, body: read(undefined, { timer, explain }) };
    throw statusError(url, { ...answer, bytes });
  } catch (cause) {
    clearTimeout(timer);
    throw explain(cause);
  }
}

async function* read(
  response: Response | undefined,
  { timer, explain }: { timer: NodeJS.Timeout; explain: (cause: unknown) => ClientError },
): AsyncGenerator<Uint8Array> {
  try {
    const body: AsyncIterable<Uint8Array> | readonly Uint8Array[] = response?.body ?? [];
    for await (const chunk of body) {
      timer.refresh();
      yield chunk;
      timer.refresh(); // what the reader took is not the sender's
    }
  } catch (cause) {
    throw explain(cause);
  } finally {
    clearTimeout(timer);
  }
}

async function readStart(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const body: AsyncIterable<Uint8Array> | readonly Uint8Array[] = response.body ?? [];
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= maxBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxBytes);
}
