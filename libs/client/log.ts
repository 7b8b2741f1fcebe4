import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  type BundleId,
  entriesPath,
  HASH_BYTES,
  MAX_ENTRY_BYTES,
  TILE_WIDTH,
  type TileId,
  tilePath,
} from '@dockchains/tlog';
import pRetry from 'p-retry';

import { OPERATOR_SCOPE } from './administration.ts';
import { ClientError } from './errors.ts';
import { type Fetch, sendOk } from './http.ts';
import type { Session } from './session.ts';

/**
 * Reads a log's files as they are stored; nothing is verified. Where a partial tile or bundle is gone, the full one is
 * cut to its width (tlog-tiles, Partial Tiles). Safe to call concurrently.
 */
export type LogReader = {
  /** The latest checkpoint, a signed note in UTF-8. @throws ClientError */
  readonly readCheckpoint: () => Promise<Uint8Array>;
  /** The newest note that was signed and may not be published yet, of a gateway. @throws ClientError NOT_FOUND elsewhere */
  readonly readSigned: () => Promise<Uint8Array>;
  /** At most `width` × 32 bytes. @throws ClientError NOT_FOUND if there is no such tile */
  readonly readTile: (tile: TileId) => Promise<Uint8Array>;
  /** @throws ClientError NOT_FOUND if there is no such bundle */
  readonly readBundle: (bundle: BundleId) => Promise<Uint8Array>;
};

type ReadPath = (path: string, maxBytes: number) => Promise<Uint8Array>;

const LENGTH_BYTES = 2;
const MAX_CHECKPOINT_BYTES = 64 * 1024;
// Twice what is right: a tile with bytes behind it is to be seen as such, not as a failed request.
const MAX_TILE_BYTES = 2 * TILE_WIDTH * HASH_BYTES;
const MAX_BUNDLE_BYTES = (TILE_WIDTH + 1) * (LENGTH_BYTES + MAX_ENTRY_BYTES);
const RETRIES = 4;
const FIRST_RETRY_MS = 200;

/**
 * Reads the log below `url` over HTTP (C2SP tlog-tiles); what may pass by itself is tried up to `retries` times more, 4 unless told. Each
 * answer must come within `timeoutMs`.
 */
export function openHttpLog(
  fetch: Fetch,
  url: string,
  { retries = RETRIES, timeoutMs }: { retries?: number; timeoutMs?: number } = {},
): LogReader {
  const root = url.replace(/\/+$/, '');
  const read: ReadPath = async (path, maxBytes) =>
    (await sendOk(fetch, { url: `${root}/${path}`, maxBytes, ...(timeoutMs !== undefined && { timeoutMs }) }))
      .bytes;
  return readerOf((path, maxBytes) => retrying(() => read(path, maxBytes), retries));
}

/** Reads a ledger through its gateway, as an operator: tiles and bundles of a private one are not there for others. */
export function openGatewayLog(session: Session, name: string): LogReader {
  return readerOf((path, maxBytes) =>
    retrying(async () => {
      const request = { path: `/log/${name}/${path}`, scope: OPERATOR_SCOPE, maxBytes };
      return (await session.request(request)).bytes;
    }),
  );
}

/** Reads a log that lies in a folder under the same paths. */
export function openDirectoryLog(directory: string): LogReader {
  return readerOf(async (path) => {
    try {
      return await readFile(join(directory, path));
    } catch (cause) {
      const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
      const code = isMissing ? 'NOT_FOUND' : 'UNREACHABLE';
      throw new ClientError(code, `${join(directory, path)} can't be read.`, { cause });
    }
  });
}

function readerOf(read: ReadPath): LogReader {
  const readWidth = async (
    id: BundleId,
    { pathOf, maxBytes }: { pathOf: (id: BundleId) => string; maxBytes: number },
  ): Promise<{ bytes: Uint8Array; isCut: boolean }> => {
    try {
      return { bytes: await read(pathOf(id), maxBytes), isCut: false };
    } catch (error) {
      const isGone = error instanceof ClientError && error.code === 'NOT_FOUND';
      if (!isGone || id.width === TILE_WIDTH) throw error;
      try {
        return { bytes: await read(pathOf({ ...id, width: TILE_WIDTH }), maxBytes), isCut: true };
      } catch (fullError) {
        // What was asked for is the partial one: its absence is the news.
        if (fullError instanceof ClientError && fullError.code === 'NOT_FOUND') throw error;
        throw fullError;
      }
    }
  };

  return {
    readCheckpoint: () => read('checkpoint', MAX_CHECKPOINT_BYTES),
    readSigned: () => read('signed', MAX_CHECKPOINT_BYTES),
    readTile: async ({ level, ...id }) => {
      const pathOf = (wanted: BundleId) => tilePath({ level, ...wanted });
      const { bytes, isCut } = await readWidth(id, { pathOf, maxBytes: MAX_TILE_BYTES });
      return isCut ? bytes.subarray(0, id.width * HASH_BYTES) : bytes;
    },
    readBundle: async (id) => {
      const { bytes, isCut } = await readWidth(id, { pathOf: entriesPath, maxBytes: MAX_BUNDLE_BYTES });
      return isCut ? bytes.subarray(0, endOfEntries(bytes, id.width)) : bytes;
    },
  };
}

/** Where the first `count` entries of a bundle end, or its own end if they are not there. */
function endOfEntries(bytes: Uint8Array, count: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  for (let entry = 0; entry < count && offset + LENGTH_BYTES <= bytes.length; entry += 1) {
    offset += LENGTH_BYTES + view.getUint16(offset);
  }
  return offset;
}

function retrying(read: () => Promise<Uint8Array>, retries: number = RETRIES): Promise<Uint8Array> {
  return pRetry(read, {
    retries,
    minTimeout: FIRST_RETRY_MS,
    shouldRetry: ({ error }) => isTransient(error),
  });
}

function isTransient(error: unknown): boolean {
  return error instanceof ClientError && ['UNREACHABLE', 'TIMEOUT', 'UNAVAILABLE'].includes(error.code);
}
