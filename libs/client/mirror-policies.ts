import { z } from 'zod';

import { OPERATOR_SCOPE } from './administration.ts';
import { graphql, type Operation } from './graphql.ts';
import { collectList, listOf } from './lists.ts';
import type { Session } from './session.ts';

const policySchema = z.object({
  pattern: z.string().max(1024),
  fetch: z.enum(['ON_DEMAND', 'ON_ANNOUNCEMENT', 'ON_SCHEDULE', 'NEVER']),
  everySeconds: z.number().nullable(),
  maxBytes: z.string().max(32).nullable(),
});

/** How much a gateway keeps of peers' repositories that match the pattern; `maxBytes` decimal. */
export type MirrorPolicy = z.output<typeof policySchema>;

const FIELDS = 'pattern fetch everySeconds maxBytes';
const POLICIES = listOf('mirrorPolicies', { node: policySchema, fields: FIELDS, scope: OPERATOR_SCOPE });

/** Lists the mirror policies by pattern, for operators. @throws ClientError of every code */
export function listMirrorPolicies(session: Session): Promise<readonly MirrorPolicy[]> {
  return collectList(session, POLICIES);
}

/** Makes a mirror policy, or changes that of its pattern. @throws ClientError of every code */
export async function setMirrorPolicy(session: Session, policy: MirrorPolicy): Promise<MirrorPolicy> {
  const operation: Operation<{ policy: MirrorPolicy }> = {
    document: `mutation Set($pattern: String!, $fetch: MirrorFetch!, $everySeconds: Int, $maxBytes: String) {
      policy: setMirrorPolicy(pattern: $pattern, fetch: $fetch, everySeconds: $everySeconds, maxBytes: $maxBytes) { ${FIELDS} }
    }`,
    data: z.object({ policy: policySchema }),
    scope: OPERATOR_SCOPE,
  };
  return (await graphql(session, operation, policy)).policy;
}

/** Removes a mirror policy. @throws ClientError of every code; NOT_FOUND if there is none of the pattern */
export async function removeMirrorPolicy(session: Session, pattern: string): Promise<MirrorPolicy> {
  const operation: Operation<{ policy: MirrorPolicy }> = {
    document: `mutation Remove($pattern: String!) { policy: removeMirrorPolicy(pattern: $pattern) { ${FIELDS} } }`,
    data: z.object({ policy: policySchema }),
    scope: OPERATOR_SCOPE,
  };
  return (await graphql(session, operation, { pattern })).policy;
}
