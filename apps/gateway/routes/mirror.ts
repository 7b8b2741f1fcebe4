import { readMirrorPath } from '@dockchains/federation';
import type { FastifyInstance, FastifyReply } from 'fastify';

import type { GatewayDeps } from '../deps.ts';

const HASH = /^[0-9a-f]{64}$/;
const MAX_PATH_CHARACTERS = 128;

/**
 * `/mirror/<hex SHA-256 of the origin>/…`: peers' public logs as they are held here, by the paths of the logs themselves
 * (C2SP tlog-mirror, tlog-tiles). `signed` is the newest note whose entries are all held, published or not; `pending` is the newest that
 * was taken up, whose entries may not be held yet.
 */
export function registerMirror(server: FastifyInstance, { replicas }: Pick<GatewayDeps, 'replicas'>): void {
  server.get<{ Params: { hash: string; '*': string } }>('/mirror/:hash/*', async (request, reply) => {
    const { hash, '*': path } = request.params;
    if (!HASH.test(hash) || path.length > MAX_PATH_CHARACTERS) return notFound(reply);
    const file = await readMirrorPath(replicas.replication.mirror(hash), path);
    if (file === undefined) return notFound(reply);
    return reply
      .header('content-type', file.isFinal ? 'application/octet-stream' : 'text/plain; charset=utf-8')
      .header('cache-control', file.isFinal ? 'public, max-age=31536000, immutable' : 'no-cache')
      .send(file.bytes);
  });
}

const notFound = (reply: FastifyReply): FastifyReply =>
  reply
    .code(404)
    .header('cache-control', 'no-store')
    .header('content-type', 'text/plain; charset=utf-8')
    .send(Buffer.from('There is no such file of a log that is mirrored here.\n'));
