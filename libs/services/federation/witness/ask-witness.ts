import { ClientError, type Fetch, printable, send } from '@dockchains/client';
import {
  encodeAddCheckpoint,
  MAX_ADD_CHECKPOINT_BYTES,
  parseWitnessLines,
  parseWitnessSize,
  SIZE_CONTENT_TYPE,
  TlogError,
} from '@dockchains/tlog';

import { directFetch } from '../direct-fetch.ts';

/** One address at which a witness answers, whatever number of keys it signs by. */
export interface WitnessAddress {
  /** Of a peer; undefined for a witness of others' making. */
  readonly organisation?: string;
  /** Below it: `/add-checkpoint`. */
  readonly url: string;
}

/** An answer as it came, over HTTP or otherwise. */
export interface CarriedAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** Carries the body of add-checkpoint to a witness. @throws if it can't be reached in time */
export type AskWitness = (address: WitnessAddress, body: string) => Promise<CarriedAnswer>;

/** What a witness said: its cosignatures, the size that it is at, or why it refused. */
export type WitnessReply =
  | { readonly kind: 'cosigned'; readonly lines: readonly string[] }
  | { readonly kind: 'size'; readonly size: bigint }
  | { readonly kind: 'unknown-log' }
  | { readonly kind: 'failed'; readonly reason: string };

const TIMEOUT_MS = 5_000;
const MAX_NOTE_BYTES = 64 * 1024;
const MAX_WORDS_BYTES = 300;

/** Asks over HTTP (tlog-witness). */
export function askOverHttp(fetch?: Fetch): AskWitness {
  const direct = directFetch(fetch);
  return async ({ url }, body) => {
    const { status, headers, bytes } = await send(direct, {
      ...{ url: `${url}/add-checkpoint`, method: 'POST', body },
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      ...{ maxBytes: MAX_ADD_CHECKPOINT_BYTES, timeoutMs: TIMEOUT_MS },
    });
    return { status, contentType: headers.get('content-type') ?? '', body: bytes };
  };
}

/** Fetches notes over HTTP, such as a log's published checkpoint. @throws ClientError; Error for a status other than 200 */
export function fetchNotesOver(fetch?: Fetch): (url: string) => Promise<string> {
  const direct = directFetch(fetch);
  return async (url) => {
    const { status, bytes } = await send(direct, { url, maxBytes: MAX_NOTE_BYTES, timeoutMs: TIMEOUT_MS });
    if (status === 200) return Buffer.from(bytes).toString('utf8');
    throw new Error(`The log answered with status ${status}.`);
  };
}

/** Asks a witness to cosign, and reads what it says; a failure of whatever kind is a reply too. */
export async function askWitness(
  ask: AskWitness,
  address: WitnessAddress,
  request: Parameters<typeof encodeAddCheckpoint>[0],
): Promise<WitnessReply> {
  try {
    const { status, contentType, body } = await ask(address, encodeAddCheckpoint(request));
    if (status === 200) return { kind: 'cosigned', lines: parseWitnessLines(body) };
    if (status === 409 && contentType.startsWith(SIZE_CONTENT_TYPE)) {
      return { kind: 'size', size: parseWitnessSize(body) };
    }
    if (status === 404) return { kind: 'unknown-log' };
    const [words = ''] = Buffer.from(body.subarray(0, MAX_WORDS_BYTES)).toString('utf8').split('\n');
    const said = contentType.startsWith('text/plain') && words !== '' ? `: ${printable(words)}` : '';
    return { kind: 'failed', reason: `it answered with status ${status}${said}` };
  } catch (error) {
    if (error instanceof ClientError || error instanceof TlogError)
      return { kind: 'failed', reason: error.message };
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}
