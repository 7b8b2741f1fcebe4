import { z } from 'zod';

import { listOf, collectList } from './lists.ts';
import { READ_SCOPE } from './operations.ts';
import type { Session } from './session.ts';

const undecidedHeadSchema = z.object({
  origin: z.string().max(255),
  shownBy: z.string().max(255),
  heldSize: z.string().max(20),
  shownSize: z.string().max(20),
  since: z.string().max(64),
  isUnexplained: z.boolean(),
  isWithheld: z.boolean(),
  answer: z.string().max(255),
});

/** Two heads of a log that it has not explained; the file with both notes is at `/federation/unexplained/<hash>`. */
export type UndecidedHeadSummary = z.output<typeof undecidedHeadSchema>;

const UNDECIDED = listOf('undecidedHeads', {
  ...{ node: undecidedHeadSchema, scope: READ_SCOPE },
  fields: 'origin shownBy heldSize shownSize since isUnexplained isWithheld answer',
});

/** Lists them, those that wait longest first. @throws ClientError of every code */
export function listUndecidedHeads(session: Session): Promise<readonly UndecidedHeadSummary[]> {
  return collectList(session, UNDECIDED);
}
