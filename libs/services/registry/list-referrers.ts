import type { Principal } from '@dockchains/access';
import type { Statement } from '@dockchains/database';
import type { Digest, ReferrerDescriptor, RepositoryName } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import { cutPage, type Page } from './page.ts';

/** Which referrers of a subject: those behind the digest `after`, of one artifact type if it is given. */
export interface ListReferrers {
  readonly principal: Principal;
  readonly repository: RepositoryName;
  readonly subject: Digest;
  readonly artifactType?: string;
  readonly after?: string;
  readonly limit: number;
}

// Annotations are copied up and may be long: a page ends before it would outgrow what clients read (4 MiB), but has
// one referrer at least.
const MAX_PAGE_BYTES = 3_500_000;
const DESCRIPTOR_BYTES = 400;

const LIST: Statement = {
  name: 'registry_list_referrers',
  text: `SELECT digest, media_type AS "mediaType", size, artifact_type AS "artifactType", fits,
           CASE WHEN fits THEN annotations END AS annotations
         FROM (SELECT *, bytes <= ${MAX_PAGE_BYTES} OR ordinal = 1 AS fits
               FROM (SELECT m.*, row_number() OVER by_digest AS ordinal,
                       sum(${DESCRIPTOR_BYTES} + COALESCE(octet_length(m.annotations::text), 0)) OVER by_digest AS bytes
                     FROM manifest m JOIN repository r ON r.id = m.repository_id
                     WHERE r.name = $1 AND m.subject = $2 AND m.digest > $3
                       AND ($4::text IS NULL OR m.artifact_type = $4)
                     WINDOW by_digest AS (ORDER BY m.digest)
                     ORDER BY m.digest LIMIT $5) AS measured) AS page
         ORDER BY digest`,
};

interface Row {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly artifactType: string | null;
  readonly annotations: Record<string, string> | null;
  /** Whether it has room in the page, after those before it. */
  readonly fits: boolean;
}

/**
 * Lists the manifests whose `subject` is the digest (distribution-spec, Listing Referrers), empty for a repository that is
 * not there. Every pushed manifest is indexed by its subject, so those of a fallback tag's index are in the list as well.
 * @throws AccessError
 */
export async function listReferrers(
  { access, database }: RegistryDeps,
  request: ListReferrers,
): Promise<Page<ReferrerDescriptor>> {
  const { principal, repository, subject, artifactType = null, after = '', limit } = request;
  await access.require(principal, 'pull', repository);
  const rows = await database.query<Row>(LIST, [repository, subject, after, artifactType, limit + 1]);
  const fitting = rows.findIndex(({ fits }) => !fits);
  const { items, last } = cutPage(
    rows,
    fitting < 0 ? limit : Math.min(limit, fitting),
    ({ digest }) => digest,
  );
  return { items: items.map(toDescriptor), last };
}

function toDescriptor({ digest, mediaType, size, artifactType, annotations }: Row): ReferrerDescriptor {
  return {
    digest,
    mediaType,
    size,
    ...(artifactType !== null && { artifactType }),
    ...(annotations !== null && { annotations }),
  };
}
