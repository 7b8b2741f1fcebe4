import { MAX_ADD_CHECKPOINT_BYTES } from '@dockchains/tlog';
import type { FastifyInstance } from 'fastify';

import type { GatewayDeps } from '../deps.ts';

const HASH = /^[0-9a-f]{64}$/;
const TEXT = 'text/plain; charset=utf-8';

/** `/witness/…`: this organisation's C2SP witness: `add-checkpoint`, and what was cosigned last by the SHA-256 of a log's origin. */
export function registerWitness(server: FastifyInstance, { witness }: Pick<GatewayDeps, 'witness'>): void {
  void server.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    // What is longer is malformed, and is answered as such: one byte more shows it.
    scope.addContentTypeParser(
      '*',
      { parseAs: 'buffer', bodyLimit: 2 * MAX_ADD_CHECKPOINT_BYTES },
      (_r, body, parsed) => {
        parsed(null, body);
      },
    );
    scope.post<{ Body: Buffer | undefined }>('/witness/add-checkpoint', async ({ body }, reply) => {
      const answer = await witness.addCheckpoint(body ?? Buffer.alloc(0));
      return reply
        .code(answer.status)
        .header('content-type', answer.contentType)
        .header('cache-control', 'no-store')
        .send(Buffer.from(answer.body));
    });
    done();
  });
  server.get<{ Params: { hash: string } }>('/witness/:hash/checkpoint', async ({ params }, reply) => {
    const note = HASH.test(params.hash) ? await witness.findCheckpoint(params.hash) : undefined;
    if (note === undefined) {
      const reason = 'This witness has cosigned nothing of such a log.\n';
      return reply
        .code(404)
        .header('cache-control', 'no-store')
        .header('content-type', TEXT)
        .send(Buffer.from(reason));
    }
    return reply.header('cache-control', 'no-cache').header('content-type', TEXT).send(Buffer.from(note));
  });
}
