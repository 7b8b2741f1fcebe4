import type { Ledger } from '@dockchains/ledger';
import type { FastifyInstance } from 'fastify';

import type { GatewayDeps } from '../deps.ts';

const PING = { name: 'gateway_ping', text: 'SELECT 1' };

// Longer than a batch takes to be published, by far.
const LATE_MS = 30_000;

// Longer than witnesses take that are there.
const QUORUM_LATE_MS = 5_000;

type Stuck = { readonly at: bigint; readonly since: Date };

/** How one ledger stands; `reason` where something is wrong. */
type Standing = {
  readonly status: 'ready' | 'degraded' | 'frozen';
  readonly ledger?: string;
  readonly reason?: string;
};

/**
 * `/healthz` says that the process runs; `/readyz` that it can serve: 503 while the database is away. `frozen` and `degraded`
 * (records wait long for their checkpoint, or it for its witnesses) are 200: reads go on, and taking the gateway away would end them. Of several
 * ledgers the worst is shown.
 */
export function registerHealth(server: FastifyInstance, { database, ledgers, clock }: GatewayDeps): void {
  const stuck = new Map<string, Stuck>();
  server.get('/healthz', () => ({ status: 'ok' }));

  server.get('/readyz', async (_request, reply) => {
    try {
      await database.query(PING);
    } catch {
      return reply.code(503).send({ status: 'unavailable', reason: 'The database does not answer.' });
    }
    const standings = await Promise.all(ledgers.all.map((ledger) => judge(ledger, stuck, clock())));
    const worst = (status: Standing['status']) => standings.find((standing) => standing.status === status);
    return worst('frozen') ?? worst('degraded') ?? { status: 'ready' };
  });
}

async function judge(ledger: Ledger, stuck: Map<string, Stuck>, now: Date): Promise<Standing> {
  const { name } = ledger;
  const { frozen, size, publishedSize, queued, waitingSince } = await ledger.status();
  if (frozen !== undefined) return { status: 'frozen', ledger: name, reason: frozen };
  if (waitingSince !== undefined && now.getTime() - waitingSince.getTime() > QUORUM_LATE_MS) {
    const reason = `A signed checkpoint has waited for its quorum of witnesses since ${waitingSince.toISOString()}.`;
    return { status: 'degraded', ledger: name, reason };
  }
  const waiting = size - publishedSize + queued;
  if (waiting === 0n) stuck.delete(name);
  else if (stuck.get(name)?.at !== publishedSize) stuck.set(name, { at: publishedSize, since: now });
  const since = stuck.get(name)?.since;
  if (since === undefined || now.getTime() - since.getTime() < LATE_MS) return { status: 'ready' };
  const reason = `Up to ${waiting} records have waited for a checkpoint since ${since.toISOString()}.`;
  return { status: 'degraded', ledger: name, reason };
}
