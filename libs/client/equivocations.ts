import { z } from 'zod';

import { listOf, collectList } from './lists.ts';
import { READ_SCOPE } from './operations.ts';
import type { Session } from './session.ts';

const equivocationSchema = z.object({
  origin: z.string().max(255),
  foundAt: z.string().max(64),
  byRevokedKey: z.boolean(),
});

/** A log of which a gateway has proof that it signed two histories; the proof is at `/federation/equivocations/<hash>`. */
export type EquivocationSummary = z.output<typeof equivocationSchema>;

const EQUIVOCATIONS = listOf('equivocations', {
  ...{ node: equivocationSchema, fields: 'origin foundAt byRevokedKey', scope: READ_SCOPE },
});

/** Lists them, oldest first. @throws ClientError of every code */
export function listEquivocations(session: Session): Promise<readonly EquivocationSummary[]> {
  return collectList(session, EQUIVOCATIONS);
}
