import { ClientError } from './errors.ts';
import { printable } from './text.ts';

/** What carries the requests: `fetch` of the platform, or one of a test. */
export type Fetch = typeof globalThis.fetch;

/** One request, its answer bounded in size and time. */
export type BoundedRequest = {
  readonly url: string;
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Longest answer in bytes that is read. */
  readonly maxBytes: number;
  readonly timeoutMs?: number;
};

/** An answer whose body has been read whole. */
export type BoundedResponse = {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
};

const TIMEOUT_MS = 15_000;
const MAX_ERROR_BYTES = 64 * 1024;

/**
 * Sends a request and reads the answer, of any status, within its bounds.
 * @throws ClientError UNREACHABLE, TIMEOUT, BAD_RESPONSE (longer than `maxBytes`)
 */
export async function send(fetch: Fetch, request: BoundedRequest): Promise<BoundedResponse> {
  const { url, method = 'GET', headers = {}, body, timeoutMs = TIMEOUT_MS } = request;
  // Not AbortSignal.timeout: it would hold on to the answer until the time is over, however early the answer came.
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort();
  }, timeoutMs);
  try {
    const response = await fetch(url, {
      method,
      headers,
      ...(body !== undefined && { body }),
      signal: controller.signal,
    });
    // An error's text may be longer than the answer that was hoped for.
    const maxBytes = response.ok ? request.maxBytes : Math.max(request.maxBytes, MAX_ERROR_BYTES);
    return {
      status: response.status,
      headers: response.headers,
      bytes: await readBounded(response, maxBytes, url),
    };
  } catch (cause) {
    if (!controller.signal.aborted) throw toClientError(cause, url);
    throw new ClientError('TIMEOUT', `${printable(url)} did not answer within ${timeoutMs / 1000} s.`, {
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * As {@link send}, and only a 2xx passes.
 * @throws ClientError of every code
 */
export async function sendOk(fetch: Fetch, request: BoundedRequest): Promise<BoundedResponse> {
  const response = await send(fetch, request);
  if (response.status >= 200 && response.status < 300) return response;
  throw statusError(request.url, response);
}

/** The error that a status outside 2xx stands for, with the gateway's own words where it sent some. */
export function statusError(url: string, { status, bytes }: BoundedResponse): ClientError {
  const words = messageOf(bytes);
  const said = words === undefined ? '' : ` It says: ${words}`;
  const where = printable(url);
  if (status === 401 || status === 403) {
    return new ClientError('DENIED', `${where} is not open to these credentials (${status}).${said}`);
  }
  if (status === 404) return new ClientError('NOT_FOUND', `There is nothing at ${where} (404).${said}`);
  if (status === 429 || status >= 500) {
    return new ClientError('UNAVAILABLE', `${where} can't answer now (${status}).${said} Try again later.`);
  }
  return new ClientError('REJECTED', `${where} refused the request (${status}).${said}`);
}

/**
 * Reads JSON in UTF-8 from an answer.
 * @throws ClientError BAD_RESPONSE
 */
export function parseJson(bytes: Uint8Array, url: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ClientError('BAD_RESPONSE', `${printable(url)} answered with something that is not JSON.`, {
      cause,
    });
  }
}

async function readBounded(response: Response, maxBytes: number, url: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop by an exception cancels the stream, and with it the connection.
  const body: AsyncIterable<Uint8Array> | readonly Uint8Array[] = response.body ?? [];
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new ClientError(
        'BAD_RESPONSE',
        `${printable(url)} answered with more than ${maxBytes} bytes; no more than that is read.`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** What kept a request from being answered, as an error of ours. */
export function toClientError(cause: unknown, url: string): ClientError {
  if (cause instanceof ClientError) return cause;
  return new ClientError(
    'UNREACHABLE',
    `${printable(url)} can't be reached (${reasonOf(cause)}). Is the gateway running, and the address right?`,
    { cause },
  );
}

function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  if (!(inner instanceof Error)) return 'no reason given';
  return 'code' in inner && typeof inner.code === 'string' ? inner.code : printable(inner.message);
}

/** The message of an OCI error body (distribution-spec, Error Codes) or of our `{"error": …}`. */
function messageOf(bytes: Uint8Array): string | undefined {
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof body !== 'object' || body === null) return undefined;
    const errors: unknown = 'errors' in body ? body.errors : undefined;
    const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
    if (typeof first !== 'object' || first === null || !('message' in first)) return undefined;
    return typeof first.message === 'string' ? printable(first.message) : undefined;
  } catch {
    return undefined; // an error page that is not ours has nothing to quote
  }
}
