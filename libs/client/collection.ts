import { z } from 'zod';

import { OPERATOR_SCOPE } from './administration.ts';
import { graphql, type Operation } from './graphql.ts';
import type { Session } from './session.ts';

const decimal = z.string().regex(/^\d{1,18}$/);

const stepSchema = z.object({
  items: z
    .array(
      z.object({
        kind: z.enum(['MANIFEST', 'CONTENT']),
        repository: z.string().max(255),
        digest: z.string().max(200),
        size: decimal,
      }),
    )
    .max(2000),
  freedFiles: z.int().nonnegative(),
  freedBytes: decimal,
  next: z.string().max(1024).nullable(),
});

/** What one step of a collection did, or would do; `next` is null when all is done. */
export type CollectionStep = z.output<typeof stepSchema>;

/** Which collection: one that changes nothing, one that deletes manifests without a tag as well. */
export interface CollectOptions {
  readonly dryRun: boolean;
  readonly untagged: boolean;
}

const COLLECT: Operation<{ collect: CollectionStep }> = {
  document: `mutation Collect($dryRun: Boolean!, $untagged: Boolean!, $after: String) {
    collect(dryRun: $dryRun, untagged: $untagged, after: $after) {
      items { kind repository digest size } freedFiles freedBytes next
    }
  }`,
  data: z.object({ collect: stepSchema }),
  scope: OPERATOR_SCOPE,
};

/** Runs a collection step by step, for operators. @throws ClientError of every code */
export async function* collect(
  session: Session,
  { dryRun, untagged }: CollectOptions,
): AsyncGenerator<CollectionStep> {
  let after: string | null = null;
  do {
    const step: CollectionStep = (await graphql(session, COLLECT, { dryRun, untagged, after })).collect;
    yield step;
    after = step.next;
  } while (after !== null);
}
