import { createHash } from 'node:crypto';

import {
  encodeProofFile,
  parseBundle,
  parseCheckpoint,
  parseNote,
  proveInclusion,
  TILE_WIDTH,
  tileWidth,
  TlogError,
} from '@dockchains/tlog';

import { ClientError } from './errors.ts';
import type { Fetch } from './http.ts';
import { openHttpLog } from './log.ts';

/** An entry of another organisation's public ledger, in the mirror that a gateway has of it. */
export type MirroredEntry = { readonly url: string; readonly organisation: string; readonly index: bigint };

const WIDTH = BigInt(TILE_WIDTH);

/**
 * Makes the C2SP tlog-proof of an entry from a gateway's mirror of its ledger, which may be there while the ledger's own
 * organisation is away; undefined while the mirror has no published checkpoint above the entry. Nothing is verified.
 * @throws ClientError of every code
 */
export async function findMirroredProof(
  fetch: Fetch,
  { url, organisation, index }: MirroredEntry,
): Promise<string | undefined> {
  const hash = createHash('sha256').update(`${organisation}/ledger/public`).digest('hex');
  const log = openHttpLog(fetch, `${url}/mirror/${hash}`);
  try {
    const checkpoint = Buffer.from(await log.readCheckpoint()).toString('utf8');
    const { size } = parseCheckpoint(parseNote(checkpoint).text);
    if (size <= index) return undefined;
    const bundle = { index: index / WIDTH, width: tileWidth(0, index / WIDTH, size) };
    const [hashes, entries] = await Promise.all([
      proveInclusion(index, size, log.readTile),
      log.readBundle(bundle).then((bytes) => parseBundle(bytes, bundle.width)),
    ]);
    const extra = entries[Number(index % WIDTH)];
    return encodeProofFile({ ...(extra !== undefined && { extra }), index, hashes, checkpoint });
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new ClientError(
      'BAD_RESPONSE',
      `The mirror of ${organisation} at ${url} is not a log: ${cause.message}`,
      {
        cause,
      },
    );
  }
}
