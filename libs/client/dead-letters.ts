import { z } from 'zod';

import { OPERATOR_SCOPE } from './administration.ts';
import { graphql, type Operation } from './graphql.ts';
import { collectList, listOf } from './lists.ts';
import type { Session } from './session.ts';

const letterSchema = z.object({
  id: z.string().max(20),
  organisation: z.string().max(253),
  subject: z.string().max(1024),
  reason: z.string().max(2048),
  buriedAt: z.string().max(64),
  bytes: z.number(),
  beginning: z.string().max(4096),
});

/** A peer's message that a gateway gave up on; `beginning` is what the peer wrote. */
export type DeadLetter = z.output<typeof letterSchema>;

const FIELDS = 'id organisation subject reason buriedAt bytes beginning';
const LETTERS = listOf('deadLetters', { node: letterSchema, fields: FIELDS, scope: OPERATOR_SCOPE });
const COUNT: Operation<{ deadLetterCount: number }> = {
  document: '{ deadLetterCount }',
  data: z.object({ deadLetterCount: z.int().nonnegative() }),
  scope: OPERATOR_SCOPE,
};

/** Lists the messages of peers that were given up on, oldest first, for operators. @throws ClientError of every code */
export function listDeadLetters(session: Session): Promise<readonly DeadLetter[]> {
  return collectList(session, LETTERS);
}

/** Counts them, for operators. @throws ClientError of every code; REJECTED by a gateway of a version that can't */
export async function countDeadLetters(session: Session): Promise<number> {
  return (await graphql(session, COUNT, {})).deadLetterCount;
}

/** What is done with a message: it is taken in anew, or forgotten. */
export type DeadLetterMutation = 'replayDeadLetter' | 'dropDeadLetter';

/** Does it, and gives the message as it was. @throws ClientError of every code; NOT_FOUND if there is none of the id */
export async function changeDeadLetter(
  session: Session,
  mutation: DeadLetterMutation,
  id: string,
): Promise<DeadLetter> {
  const operation: Operation<{ letter: DeadLetter }> = {
    document: `mutation Change($id: ID!) { letter: ${mutation}(id: $id) { ${FIELDS} } }`,
    data: z.object({ letter: letterSchema }),
    scope: OPERATOR_SCOPE,
  };
  return (await graphql(session, operation, { id })).letter;
}
