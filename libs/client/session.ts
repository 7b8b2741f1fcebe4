import { type BoundedRequest, type BoundedResponse, type Fetch, send, statusError } from './http.ts';
import { sendStreamed, type StreamedRequest, type StreamedResponse } from './http-stream.ts';
import { type Challenge, type Credentials, findChallenge, openTokenSource } from './token.ts';

const MAX_ROOT_BYTES = 64 * 1024;

/** Sends requests to one gateway as one principal. */
export type Session = {
  /** The gateway's root, without a slash at the end. */
  readonly url: string;
  /**
   * Sends a request, answers a bearer challenge once, and gives a 2xx.
   * @throws ClientError of every code
   */
  request(request: PathRequest): Promise<BoundedResponse>;
  /**
   * As {@link request}, for what is too large to be read whole, and past `fetch`: the body comes as it arrives, and fails with TIMEOUT when nothing comes
   * for `idleMs`. Whoever does not read it to its end destroys it.
   * @throws ClientError of every code
   */
  stream(request: StreamedPathRequest): Promise<StreamedResponse>;
};

/** A request by path whose answer is read as it comes. */
export type StreamedPathRequest = Omit<StreamedRequest, 'url' | 'signal'> & { readonly path: string };

/** A request by path below the gateway's root. */
export type PathRequest = Omit<BoundedRequest, 'url'> & {
  readonly path: string;
  /** For routes outside `/v2/`, which answer everybody and so never ask: with credentials, a token of this scope is sent along. */
  readonly scope?: string;
};

/** Where a gateway is and who asks; no credentials: anonymous. */
export type SessionOptions = {
  readonly url: string;
  readonly credentials?: Credentials | undefined;
  readonly fetch?: Fetch | undefined;
  /** Ends what is read as it comes; `fetch` may have one of its own. */
  readonly signal?: AbortSignal | undefined;
};

/** Opens a session; nothing is sent yet. */
export function openSession({ url, credentials, signal, fetch = globalThis.fetch }: SessionOptions): Session {
  const root = url.replace(/\/+$/, '');
  const tokenFor = openTokenSource(fetch, { url: root, credentials });

  const bearer = async (challenge: Challenge) => ({ authorization: `Bearer ${await tokenFor(challenge)}` });

  const scopedBearer = async (scope: string) => {
    const challenge = await askChallenge(fetch, root);
    return challenge === undefined ? {} : bearer({ ...challenge, scope });
  };

  return {
    url: root,
    stream: async ({ path, ...request }) => {
      const whole = { ...request, signal, url: `${root}${path}` };
      const first = await sendStreamed(whole);
      if (first.status !== 401) return first;
      const challenge = findChallenge(first.headers.get('www-authenticate'));
      if (challenge === undefined) throw statusError(whole.url, { ...first, bytes: new Uint8Array() });
      const headers = { ...request.headers, ...(await bearer(challenge)) };
      const second = await sendStreamed({ ...whole, headers });
      if (second.status !== 401) return second;
      throw statusError(whole.url, { ...second, bytes: new Uint8Array() });
    },
    request: async ({ path, scope, ...request }) => {
      const whole = { ...request, url: `${root}${path}` };
      if (scope !== undefined && credentials !== undefined) {
        const headers = { ...request.headers, ...(await scopedBearer(scope)) };
        return passOk(whole.url, await send(fetch, { ...whole, headers }));
      }
      const first = await send(fetch, whole);
      const challenge = challengeOf(first);
      if (challenge === undefined) return passOk(whole.url, first);
      const headers = { ...request.headers, ...(await bearer(challenge)) };
      return passOk(whole.url, await send(fetch, { ...whole, headers }));
    },
  };
}

/**
 * Checks the session's credentials against the gateway's token server, as `docker login` does.
 * @throws ClientError of every code; DENIED if the gateway does not know them
 */
export async function verifyCredentials(session: Session): Promise<void> {
  await session.request({ path: '/v2/', maxBytes: MAX_ROOT_BYTES });
}

async function askChallenge(fetch: Fetch, root: string): Promise<Challenge | undefined> {
  return challengeOf(await send(fetch, { url: `${root}/v2/`, maxBytes: MAX_ROOT_BYTES }));
}

function challengeOf({ status, headers }: BoundedResponse): Challenge | undefined {
  return status === 401 ? findChallenge(headers.get('www-authenticate')) : undefined;
}

function passOk(url: string, response: BoundedResponse): BoundedResponse {
  if (response.status >= 200 && response.status < 300) return response;
  throw statusError(url, response);
}
