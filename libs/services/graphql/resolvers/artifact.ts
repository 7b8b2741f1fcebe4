import {
  isDigest,
  isRepositoryName,
  type ManifestReference,
  parseDigest,
  parseImageReference,
  parseRepositoryName,
  parseTag,
  type RepositoryName,
  splitOrganisation,
} from '@dockchains/oci';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext, RecordEntry } from '../context.ts';
import { ApiError, isHidden } from '../errors.ts';
import { type ArtifactView, viewOfArtifact, viewOfManifest } from '../views.ts';

type ArtifactArgs = { readonly reference?: string | null; readonly digest?: string | null };

type Target = { readonly repository: RepositoryName; readonly reference: ManifestReference };

/** Resolvers of schema/artifact.graphql. */
export const artifactTypes = {
  Query: {
    artifact: async (
      _: unknown,
      { reference, digest }: ArtifactArgs,
      context: GraphqlContext,
    ): Promise<ArtifactView | undefined> => {
      // The schema lets null stand for nothing.
      if (typeof reference === 'string' && typeof digest !== 'string') {
        return findArtifact(context, parseTarget(reference, context));
      }
      if (typeof digest === 'string' && typeof reference !== 'string') {
        return (await findByDigest(context, { digest, limit: 1 }))[0];
      }
      throw new ApiError('BAD_USER_INPUT', 'Give either "reference" or "digest".');
    },

    artifacts: (
      _: unknown,
      { digest, ...args }: PageArgs & { readonly digest: string },
      context: GraphqlContext,
    ): Promise<Connection<ArtifactView>> =>
      readConnection(args, {
        list: ['artifacts', digest],
        keyOf: ({ repository }) => repository,
        read: (page) => findByDigest(context, { digest, ...page }),
      }),
  },

  Artifact: {
    __resolveReference: async (
      { id }: { id?: unknown },
      _: unknown,
      context: GraphqlContext,
    ): Promise<ArtifactView | null> => {
      const target = typeof id === 'string' ? findTarget(id) : undefined;
      return target === undefined ? null : ((await findArtifact(context, target)) ?? null);
    },

    id: ({ repository, digest }: ArtifactView) => `${repository}@${digest}`,
    record: (
      { recordId, organisation }: ArtifactView,
      _: unknown,
      { records, organisation: own }: GraphqlContext,
    ): Promise<RecordEntry | undefined> | undefined =>
      organisation === own ? records.load(recordId) : undefined,
  },
};

/** Finds a digest in what is kept here and in what the catalog knows of, by name; what is in both is shown once. */
async function findByDigest(
  { catalog, registry, principal, organisation: own }: GraphqlContext,
  { digest: text, ...page }: { readonly digest: string; readonly after?: string; readonly limit: number },
): Promise<readonly ArtifactView[]> {
  const digest = parseDigest(text);
  const [kept, known] = await Promise.all([
    registry.findByDigest({ principal, digest, ...page }),
    catalog.listByDigest({ digest, ...page }),
  ]);
  const views = new Map(known.map(viewOfArtifact).map((view) => [view.repository, view]));
  for (const manifest of kept.items) views.set(manifest.repository, viewOfManifest(manifest, own));
  return [...views.values()]
    .sort((one, other) => (one.repository < other.repository ? -1 : 1))
    .slice(0, page.limit);
}

/** Gives what the target names now, by its origin's ledger where that is another organisation; what is hidden is not there. */
async function findArtifact(context: GraphqlContext, target: Target): Promise<ArtifactView | undefined> {
  const { catalog, registry, principal, organisation: own } = context;
  const { organisation, repository } = splitOrganisation(target.repository, own);
  if (organisation !== undefined) {
    const { reference } = target;
    const found = await catalog.findArtifact({ organisation, repository, ...reference });
    return found && viewOfArtifact(found);
  }
  try {
    return viewOfManifest(await registry.resolveReference(principal, { ...target, repository }), own);
  } catch (error) {
    if (isHidden(error)) return undefined;
    throw error;
  }
}

/** @throws OciError NAME_INVALID, MANIFEST_INVALID, DIGEST_INVALID; ApiError BAD_USER_INPUT */
function parseTarget(text: string, { catalog, organisation: own }: GraphqlContext): Target {
  const { registry, repository, tag, digest } = parseImageReference(text);
  if (registry !== undefined && registry !== own && !catalog.organisations().has(registry)) {
    throw new ApiError(
      'BAD_USER_INPUT',
      `This gateway has no repositories of "${registry}": write the reference without it.`,
    );
  }
  const name =
    registry === undefined || registry === own
      ? repository
      : parseRepositoryName(`${registry}/${repository}`);
  if (digest !== undefined) return { repository: name, reference: { kind: 'digest', digest } };
  return { repository: name, reference: { kind: 'tag', tag: tag ?? parseTag('latest') } };
}

function findTarget(id: string): Target | undefined {
  const at = id.indexOf('@');
  const [repository, digest] = [id.slice(0, at), id.slice(at + 1)];
  if (at < 0 || !isRepositoryName(repository) || !isDigest(digest)) return undefined;
  return { repository, reference: { kind: 'digest', digest } };
}
