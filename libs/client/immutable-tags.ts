import { z } from 'zod';

import { OPERATOR_SCOPE } from './administration.ts';
import { graphql, type Operation } from './graphql.ts';
import { collectList, listOf } from './lists.ts';
import type { Session } from './session.ts';

const ruleSchema = z.object({ pattern: z.string().max(1024), tags: z.string().max(1024) });

/** In repositories of the pattern, tags of the glob stay as they were first set. */
export type ImmutableTagRule = z.output<typeof ruleSchema>;

const RULES = listOf('immutableTagRules', {
  node: ruleSchema,
  fields: 'pattern tags',
  scope: OPERATOR_SCOPE,
});

/** Lists the rules of immutable tags by pattern, for operators. @throws ClientError of every code */
export function listImmutableTagRules(session: Session): Promise<readonly ImmutableTagRule[]> {
  return collectList(session, RULES);
}

/** Adds a rule of immutable tags, or removes it. @throws ClientError of every code */
export async function changeImmutableTagRule(
  session: Session,
  mutation: 'addImmutableTagRule' | 'removeImmutableTagRule',
  rule: ImmutableTagRule,
): Promise<ImmutableTagRule> {
  const operation: Operation<{ rule: ImmutableTagRule }> = {
    document: `mutation ChangeRule($pattern: String!, $tags: String!) {
      rule: ${mutation}(pattern: $pattern, tags: $tags) { pattern tags }
    }`,
    data: z.object({ rule: ruleSchema }),
    scope: OPERATOR_SCOPE,
  };
  return (await graphql(session, operation, rule)).rule;
}
