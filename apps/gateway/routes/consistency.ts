import { answerConsistency, type ConsistencyAnswer, parseNamedHead } from '@dockchains/federation';
import { encodeConsistency } from '@dockchains/tlog';
import type { FastifyInstance } from 'fastify';

import type { GatewayDeps } from '../deps.ts';

type Params = { readonly name: string; readonly older: string; readonly newer: string };

const REFUSALS = {
  unknown: { status: 404, reason: 'This ledger has not had both of these heads.' },
  beyond: { status: 503, reason: 'This ledger does not reach so far here: try again later.' },
} as const;

/**
 * `/log/<ledger>/consistency/<size>-<root>/<size>-<root>`: the proof that the second head extends the first (RFC 6962 §2.1.2), a
 * hash in base64 a line. Roots in hexadecimal; whoever has both may ask, of the private ledger too, since a proof between two heads
 * tells nothing of what is in it.
 */
export function registerConsistency(
  server: FastifyInstance,
  { ledgers }: Pick<GatewayDeps, 'ledgers'>,
): void {
  server.get<{ Params: Params }>('/log/:name/consistency/:older/:newer', async (request, reply) => {
    const { name, older, newer } = request.params;
    const ledger = ledgers.all.find((one) => one.name === name);
    const [from, to] = [older, newer].map(parseNamedHead);
    const answer: ConsistencyAnswer =
      ledger === undefined || from === undefined || to === undefined
        ? 'unknown'
        : await answerConsistency(ledger, from, to);
    const isRefusal = answer === 'unknown' || answer === 'beyond';
    return reply
      .code(isRefusal ? REFUSALS[answer].status : 200)
      .header('content-type', 'text/plain; charset=utf-8')
      .header('cache-control', isRefusal ? 'no-store' : 'public, max-age=31536000, immutable')
      .send(Buffer.from(isRefusal ? `${REFUSALS[answer].reason}\n` : encodeConsistency(answer)));
  });
}
