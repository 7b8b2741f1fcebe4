import type { RepositoryName } from '@dockchains/oci';
import { z } from 'zod';

import { graphql, type Operation } from './graphql.ts';
import type { Session } from './session.ts';

const changeSchema = z.object({
  repository: z.string().max(255),
  visibility: z.string().max(64),
  manifests: z.int().nonnegative(),
  tags: z.int().nonnegative(),
});

/** A repository as visible as it is now, and how many manifests and tags went on record anew for it. */
export type VisibilityChange = z.output<typeof changeSchema>;

/** Makes a repository PUBLIC or PRIVATE, for who may administer it. @throws ClientError of every code */
export async function setRepositoryVisibility(
  session: Session,
  target: { readonly repository: RepositoryName; readonly visibility: string },
): Promise<VisibilityChange> {
  const operation: Operation<{ change: VisibilityChange }> = {
    document: `mutation SetVisibility($repository: String!, $visibility: Visibility!) {
      change: setRepositoryVisibility(repository: $repository, visibility: $visibility) {
        repository visibility manifests tags
      }
    }`,
    data: z.object({ change: changeSchema }),
    scope: `repository:${target.repository}:admin`,
  };
  return (await graphql(session, operation, target)).change;
}
