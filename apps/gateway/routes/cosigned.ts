import { FederationError, MAX_COSIGNED_BYTES, parseCosigned } from '@dockchains/federation';
import { LedgerError } from '@dockchains/ledger';
import { TlogError } from '@dockchains/tlog';
import type { FastifyInstance } from 'fastify';

import type { GatewayDeps } from '../deps.ts';

/**
 * `POST /federation/cosigned`: peers' mirrors hand over their cosignatures on heads of our ledgers. The signatures speak for
 * themselves, so nobody signs in for it.
 */
export function registerCosigned(server: FastifyInstance, { ledgers }: Pick<GatewayDeps, 'ledgers'>): void {
  void server.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      '*',
      { parseAs: 'buffer', bodyLimit: MAX_COSIGNED_BYTES },
      (_request, body, parsed) => {
        parsed(null, body);
      },
    );
    scope.post('/federation/cosigned', async ({ body }, reply) => {
      const answer = await take(ledgers, Buffer.isBuffer(body) ? body : Buffer.alloc(0));
      return reply
        .code(answer.status)
        .header('content-type', 'application/json')
        .send(Buffer.from(JSON.stringify(answer.says)));
    });
    done();
  });
}

async function take(
  ledgers: GatewayDeps['ledgers'],
  body: Uint8Array,
): Promise<{ status: number; says: object }> {
  try {
    const { origin, size, lines } = parseCosigned(body);
    const ledger = ledgers.find(origin);
    if (ledger === undefined) return { status: 404, says: { message: 'The log is none of ours.' } };
    const { accepted, published } = await ledger.addCosignatures(size, lines);
    return { status: 200, says: { accepted, published: published !== undefined } };
  } catch (error) {
    const isRefusal =
      error instanceof FederationError || error instanceof TlogError || error instanceof LedgerError;
    if (!isRefusal) throw error;
    return { status: 400, says: { message: error.message } };
  }
}
