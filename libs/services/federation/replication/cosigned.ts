import { type Fetch, sendOk } from '@dockchains/client';
import { type Origin, parseOrigin, parseSignatureLines } from '@dockchains/tlog';

import { directFetch } from '../direct-fetch.ts';
import { FederationError } from '../errors.ts';
import type { Peer } from '../peers/peers.ts';

/** Cosignature lines, each with its newline, on the head of this size: what a mirror hands to the log's organisation. */
export type Cosigned = { readonly origin: Origin; readonly size: bigint; readonly lines: readonly string[] };

/** Length limit of a message with cosignatures in bytes. */
export const MAX_COSIGNED_BYTES = 16 * 1024;

const MAX_LINES = 16;

/** Encodes cosignatures as text: the origin, the size in decimal, a blank line, and the lines. */
export function encodeCosigned({ origin, size, lines }: Cosigned): string {
  return `${origin}\n${size.toString()}\n\n${lines.join('')}`;
}

/**
 * Reads cosignatures; nothing is verified.
 * @throws FederationError PEER_REFUSED; TlogError BAD_ORIGIN, BAD_NOTE
 */
export function parseCosigned(bytes: Uint8Array): Cosigned {
  const text = Buffer.from(bytes).toString('utf8');
  const [, origin, size, lines] = /^([^\n]+)\n(0|[1-9][0-9]{0,18})\n\n([^]+)$/.exec(text) ?? [];
  if (
    bytes.length > MAX_COSIGNED_BYTES ||
    origin === undefined ||
    size === undefined ||
    lines === undefined
  ) {
    throw new FederationError(
      'PEER_REFUSED',
      'Cosignatures are an origin, a size, a blank line and signature lines.',
    );
  }
  const signatures = parseSignatureLines(lines, MAX_LINES);
  return { origin: parseOrigin(origin), size: BigInt(size), lines: signatures.map(({ line }) => line) };
}

/** Hands cosignatures to the organisation by `POST /federation/cosigned` at its gateway. @throws ClientError */
export async function postCosigned(
  { url }: Pick<Peer, 'url'>,
  cosigned: Cosigned,
  fetch?: Fetch,
): Promise<void> {
  await sendOk(directFetch(fetch), {
    ...{ url: `${url}/federation/cosigned`, method: 'POST', maxBytes: MAX_COSIGNED_BYTES },
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: encodeCosigned(cosigned),
  });
}
