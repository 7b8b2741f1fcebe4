import { AccessError } from '@dockchains/access';
import {
  isDigest,
  isRepositoryName,
  type ManifestReference,
  OciError,
  parseDigest,
  parseImageReference,
  parseTag,
  type RepositoryName,
} from '@dockchains/oci';
import type { ResolvedManifest } from '@dockchains/registry';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext, RecordEntry } from '../context.ts';
import { ApiError } from '../errors.ts';

type ArtifactArgs = { readonly reference?: string | null; readonly digest?: string | null };

type Target = { readonly repository: RepositoryName; readonly reference: ManifestReference };

/** Resolvers of schema/artifact.graphql. */
export const artifactTypes = {
  Query: {
    artifact: async (
      _: unknown,
      { reference, digest }: ArtifactArgs,
      context: GraphqlContext,
    ): Promise<ResolvedManifest | undefined> => {
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
    ): Promise<Connection<ResolvedManifest>> =>
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
    ): Promise<ResolvedManifest | null> => {
      const target = typeof id === 'string' ? findTarget(id) : undefined;
      return target === undefined ? null : ((await findArtifact(context, target)) ?? null);
    },

    id: ({ repository, digest }: ResolvedManifest) => `${repository}@${digest}`,
    record: (
      { recordId }: ResolvedManifest,
      _: unknown,
      { records }: GraphqlContext,
    ): Promise<RecordEntry | undefined> => records.load(recordId),
  },
};

async function findByDigest(
  { registry, principal }: GraphqlContext,
  { digest, ...page }: { readonly digest: string; readonly after?: string; readonly limit: number },
): Promise<readonly ResolvedManifest[]> {
  return (await registry.findByDigest({ principal, digest: parseDigest(digest), ...page })).items;
}

/** Gives what the target names now; what is hidden is not there. */
async function findArtifact(
  { registry, principal }: GraphqlContext,
  target: Target,
): Promise<ResolvedManifest | undefined> {
  try {
    return await registry.resolveReference(principal, target);
  } catch (error) {
    if (isHidden(error)) return undefined;
    throw error;
  }
}

function isHidden(error: unknown): boolean {
  if (error instanceof AccessError) return error.code === 'UNAUTHORIZED' || error.code === 'NAME_UNKNOWN';
  return error instanceof OciError && (error.code === 'NAME_UNKNOWN' || error.code === 'MANIFEST_UNKNOWN');
}

/** @throws OciError NAME_INVALID, MANIFEST_INVALID, DIGEST_INVALID; ApiError BAD_USER_INPUT */
function parseTarget(text: string, { ledgers }: GraphqlContext): Target {
  const { registry, repository, tag, digest } = parseImageReference(text);
  // An origin begins with its organisation, under which our repositories may be named as well.
  if (
    registry !== undefined &&
    registry !== ledgers.public.origin.slice(0, ledgers.public.origin.indexOf('/'))
  ) {
    throw new ApiError(
      'BAD_USER_INPUT',
      `This gateway has no repositories of "${registry}": write the reference without it.`,
    );
  }
  if (digest !== undefined) return { repository, reference: { kind: 'digest', digest } };
  return { repository, reference: { kind: 'tag', tag: tag ?? parseTag('latest') } };
}

function findTarget(id: string): Target | undefined {
  const at = id.indexOf('@');
  const [repository, digest] = [id.slice(0, at), id.slice(at + 1)];
  if (at < 0 || !isRepositoryName(repository) || !isDigest(digest)) return undefined;
  return { repository, reference: { kind: 'digest', digest } };
}
