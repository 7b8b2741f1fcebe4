import { z } from 'zod';

import { ClientError } from './errors.ts';
import { collectList, listOf } from './lists.ts';
import { READ_SCOPE } from './operations.ts';
import type { Session } from './session.ts';

const count = z.string().max(20).nullable();
const closedLedgerSchema = z.object({
  organisation: z.string().max(255),
  origin: z.string().max(255),
  successor: z.string().max(255),
  size: count,
  kept: count,
  closedAt: z.string().max(64).nullable(),
  held: count,
});

/** A ledger that ended because entries of it were lost; a peer's without what its own organisation alone knows. */
export type ClosedLedgerSummary = z.output<typeof closedLedgerSchema>;

const CLOSED = listOf('closedLedgers', {
  ...{ node: closedLedgerSchema, scope: READ_SCOPE },
  fields: 'organisation origin successor size kept closedAt held',
});

/** Lists those of the gateway's organisation and its peers; none where the gateway is of a version that can't say. @throws ClientError of every code but REJECTED */
export async function listClosedLedgers(session: Session): Promise<readonly ClosedLedgerSummary[]> {
  try {
    return await collectList(session, CLOSED);
  } catch (error) {
    if (error instanceof ClientError && error.code === 'REJECTED') return [];
    throw error;
  }
}
