import { createHash } from 'node:crypto';

import { request } from 'undici';

/** Where to send the next request of an upload: asked each time, so that a test decides. */
export type NextUrl = () => string | Promise<string>;

const RETRIES = 200;

/**
 * Uploads bytes in chunks as a client does that tells an upload's state apart from its own idea of it: where a chunk is not answered with 202 it asks how far
 * the upload is, and goes on from there. Gives how many requests had to be repeated.
 * @throws if the blob is not taken in the end
 */
export async function uploadInChunks(
  nextUrl: NextUrl,
  {
    repository,
    token,
    bytes,
    chunkBytes,
  }: { repository: string; token: string; bytes: Buffer; chunkBytes: number },
): Promise<{ digest: string; repeated: number }> {
  const headers = { authorization: `Bearer ${token}` };
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  let repeated = 0;
  const again = async (failure: string): Promise<void> => {
    repeated += 1;
    if (repeated > RETRIES) throw new Error(`The upload does not get on: ${failure}`);
    await Promise.resolve();
  };
  const path = await begin(nextUrl, `/v2/${repository}/blobs/uploads/`, headers, again);

  for (let sent = 0; sent < bytes.length;) {
    const chunk = bytes.subarray(sent, sent + chunkBytes);
    const range = `${sent}-${sent + chunk.length - 1}`;
    const answer = await send(
      `${await nextUrl()}${path}`,
      'PATCH',
      { ...headers, 'content-range': range },
      chunk,
    );
    if (answer?.status === 202) {
      sent += chunk.length;
      continue;
    }
    await again(`${range} was answered ${answer?.status ?? 'not at all'}: ${answer?.text ?? ''}`);
    const state = await send(`${await nextUrl()}${path}`, 'GET', headers);
    if (state?.status === 404) throw new Error(`The upload is gone: ${state.text}`);
    if (state?.status === 204) sent = receivedOf(state.range, sent);
  }
  for (;;) {
    const answer = await send(`${await nextUrl()}${path}?digest=${digest}`, 'PUT', headers);
    if (answer?.status === 201) return { digest, repeated };
    // Who lost the answer finds the blob there.
    if (
      (await send(`${await nextUrl()}/v2/${repository}/blobs/${digest}`, 'HEAD', headers))?.status === 200
    ) {
      return { digest, repeated };
    }
    if (answer?.status === 400) throw new Error(`The bytes were taken for others: ${answer.text}`);
    await again(`the last request was answered ${answer?.status ?? 'not at all'}: ${answer?.text ?? ''}`);
  }
}

const begin = async (
  nextUrl: NextUrl,
  path: string,
  headers: Record<string, string>,
  again: (failure: string) => Promise<void>,
): Promise<string> => {
  for (;;) {
    const answer = await send(`${await nextUrl()}${path}`, 'POST', headers);
    if (answer?.status === 202) return answer.location;
    await again(`the upload was not begun: ${answer?.status ?? 'no answer'}`);
  }
};

/** An upload says `0-0` when it has nothing, and also when it has one byte: no test has chunks of one. */
const receivedOf = (range: string, before: number): number => {
  const last = Number(/^0-(\d+)$/.exec(range)?.[1] ?? before - 1);
  return last === 0 ? 0 : last + 1;
};

interface Answer {
  readonly status: number;
  readonly location: string;
  readonly range: string;
  readonly text: string;
}

const send = async (
  url: string,
  method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT',
  headers: Record<string, string>,
  body?: Buffer,
): Promise<Answer | undefined> => {
  try {
    const answer = await request(url, { method, headers, body: body ?? null, reset: true });
    const header = (name: string): string => String(answer.headers[name] ?? '');
    return {
      status: answer.statusCode,
      location: header('location'),
      range: header('range'),
      text: await answer.body.text(),
    };
  } catch {
    return undefined; // nobody is there, or the answer was lost
  }
};
