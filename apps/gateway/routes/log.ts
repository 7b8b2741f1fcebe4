import { type Access, AccessError } from '@dockchains/access';
import type { Ledger } from '@dockchains/ledger';
import { parseTilePath, TlogError } from '@dockchains/tlog';
import type { FastifyInstance, FastifyReply } from 'fastify';

import type { GatewayDeps } from '../deps.ts';

const MAX_PATH_CHARACTERS = 128;
const IMMUTABLE = 'public, max-age=31536000, immutable';

/**
 * `/log/<ledger>/…`: checkpoint, tiles and entry bundles (C2SP tlog-tiles). Of the private ledger everybody may have the
 * checkpoint, which peers witness; its tiles are for operators, and not there for anybody else (design §4). `signed` of the
 * public ledger is the note that waits for cosignatures: mirrors hold what it covers before it is published.
 */
export function registerLog(
  server: FastifyInstance,
  { ledgers, access }: Pick<GatewayDeps, 'ledgers' | 'access'>,
): void {
  server.get<{ Params: { name: string; '*': string } }>('/log/:name/*', async (request, reply) => {
    const { name, '*': path } = request.params;
    const ledger = ledgers.all.find((one) => one.name === name);
    if (ledger === undefined || path.length > MAX_PATH_CHARACTERS) return notFound(reply);
    if (path === 'checkpoint' || (path === 'signed' && ledger.name === 'public')) {
      const note =
        path === 'signed' ? (await ledger.announcedHead()).note : await ledger.publishedCheckpoint();
      return reply
        .header('content-type', 'text/plain; charset=utf-8')
        .header('cache-control', 'no-cache')
        .send(Buffer.from(note));
    }
    const isOpen = ledger.name === 'public';
    if (!isOpen && !(await isOperator(access, request.headers.authorization))) return notFound(reply);
    const bytes = await readPath(ledger, path);
    if (bytes === undefined) return notFound(reply);
    return reply
      .header('content-type', 'application/octet-stream')
      .header('cache-control', isOpen ? IMMUTABLE : 'private, no-store')
      .send(bytes);
  });
}

/** A token that is not good, or not good for this, is answered like none: the tiles are not there. */
const isOperator = async (access: Access, authorization: string | undefined): Promise<boolean> => {
  try {
    await access.requireOperator(await access.authenticate(authorization));
    return true;
  } catch (error) {
    if (error instanceof AccessError && error.code !== 'TOO_MANY') return false;
    throw error;
  }
};

const readPath = async (ledger: Ledger, path: string): Promise<Buffer | undefined> => {
  const bytes = await readParsed(ledger, path);
  return bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
};

const readParsed = (ledger: Ledger, path: string): Promise<Uint8Array | undefined> => {
  try {
    const parsed = parseTilePath(path);
    return parsed.kind === 'entries' ? ledger.readBundle(parsed) : ledger.readTile(parsed);
  } catch (error) {
    if (error instanceof TlogError) return Promise.resolve(undefined);
    throw error;
  }
};

// An error must never be cached as if it were the tile (catalogue row L9).
const notFound = (reply: FastifyReply): FastifyReply =>
  reply
    .code(404)
    .header('cache-control', 'no-store')
    .header('content-type', 'text/plain; charset=utf-8')
    .send(
      Buffer.from(
        'There is no such tile: the published tree does not reach it, or the path is not canonical.\n',
      ),
    );
