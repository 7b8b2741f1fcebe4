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
import { type LogReader, openHttpLog } from './log.ts';

/** An entry of another organisation's public ledger, in the mirror that a gateway has of it. */
export type MirroredEntry = { readonly url: string; readonly organisation: string; readonly index: bigint };

const WIDTH = BigInt(TILE_WIDTH);
const MAX_SUCCESSORS = 999;

/**
 * Makes the C2SP tlog-proof of an entry from a gateway's mirror of its ledger, which may be there while the ledger's own
 * organisation is away; undefined while the mirror has no published checkpoint above the entry. Nothing is verified.
 * @throws ClientError of every code
 */
export async function findMirroredProof(
  fetch: Fetch,
  { url, organisation, index }: MirroredEntry,
): Promise<string | undefined> {
  try {
    const { log, checkpoint } = await openNewest(fetch, { url, organisation });
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

/** The mirror of a ledger, or of the last of those that followed it because one had to be closed. */
async function openNewest(
  fetch: Fetch,
  { url, organisation }: Omit<MirroredEntry, 'index'>,
): Promise<{ readonly log: LogReader; readonly checkpoint: string }> {
  const first = `${organisation}/ledger/public`;
  const open = async (origin: string) => {
    const hash = createHash('sha256').update(origin).digest('hex');
    const log = openHttpLog(fetch, `${url}/mirror/${hash}`);
    return { log, checkpoint: Buffer.from(await log.readCheckpoint()).toString('utf8') };
  };
  let newest = await open(first);
  for (let number = 2; number <= MAX_SUCCESSORS; number += 1) {
    try {
      newest = await open(`${first}/${number}`);
    } catch (error) {
      if (error instanceof ClientError && error.code === 'NOT_FOUND') break;
      throw error;
    }
  }
  return newest;
}
