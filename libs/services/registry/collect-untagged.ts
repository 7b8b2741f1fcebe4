import type { Parameter, Statement } from '@dockchains/database';
import type { Digest, RepositoryName } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import { DEFAULT_LEASE_SECONDS, leaseUntil } from './lease.ts';
import { newRecordId } from './record-id.ts';
import { IS_MIRROR } from './readable.ts';
import type { Visibility } from './repositories.ts';
import { retryConflicts } from './transact.ts';

/** Where the scan of manifests stands: behind this one, by repository and digest. */
export interface ManifestPosition {
  readonly repositoryId: number;
  readonly digest: string;
}

/** A manifest that no tag reaches; `size` are its own bytes. */
export interface Untagged {
  readonly repositoryId: number;
  readonly repository: RepositoryName;
  readonly visibility: Visibility;
  readonly digest: Digest;
  readonly size: number;
  /** Whether an index holds it, which has to go first. */
  readonly held: boolean;
}

// How many manifests are looked at for a page, whether a tag reaches them or not.
const SCANNED = 500;

const SCAN: Statement = {
  name: 'registry_scan_untagged',
  text: `WITH scanned AS (
           SELECT m.repository_id, m.digest, m.size, m.published_at FROM manifest m
           WHERE (m.repository_id, m.digest) > ($1, $2) ORDER BY m.repository_id, m.digest LIMIT ${SCANNED})
         SELECT s.repository_id AS "repositoryId", s.digest, s.size, r.name AS repository, r.visibility,
           find_needing(s.repository_id, s.digest) IS NOT NULL AS held,
           NOT ${IS_MIRROR} AND s.published_at <= $3
             AND NOT EXISTS (SELECT FROM blob_lease l
                             WHERE l.repository_id = s.repository_id AND l.digest = s.digest AND l.until > $4)
             AND NOT EXISTS (SELECT FROM list_holders(s.repository_id, s.digest) AS h
                             JOIN tag t ON t.repository_id = s.repository_id AND t.digest = h.digest)
             AND NOT EXISTS (SELECT FROM manifest WHERE NOT has_references) AS untagged
         FROM scanned s JOIN repository r ON r.id = s.repository_id ORDER BY s.repository_id, s.digest`,
};
const COLLECT: Statement = {
  name: 'registry_collect_manifest',
  text: `SELECT collect_manifest($1, $2, $3, $4, $5, $6, $7, $8, $9::text[], $10::bytea[], $11::bytea[]) AS collected`,
};

/**
 * Scans the next manifests for those that no tag reaches, through indexes and subjects, and that are older than a lease.
 * `next` is undefined when all were looked at.
 */
export async function scanUntagged(
  deps: RegistryDeps,
  after: ManifestPosition,
): Promise<{ found: Untagged[]; next: ManifestPosition | undefined }> {
  const now = deps.clock();
  const rows = await deps.database.query<Untagged & { untagged: boolean }>(SCAN, [
    ...[after.repositoryId, after.digest, leaseAgo(deps, now), now],
  ]);
  const found = rows.filter(({ untagged }) => untagged);
  return { found, next: rows.length < SCANNED ? undefined : rows.at(-1) };
}

/**
 * Deletes a manifest that no tag reaches and no index holds, on the record as any deletion; false if that is no longer so.
 * What it needed stays for a lease more.
 * @throws LedgerError FROZEN, BUSY; OciError TOOMANYREQUESTS
 */
export function collectManifest(
  deps: RegistryDeps,
  { repositoryId, repository, visibility, digest }: Untagged,
  principalId: string | undefined,
): Promise<boolean> {
  const { organisation, ledgers, randomBytes, database } = deps;
  const ledger = ledgers.of(visibility);
  return retryConflicts(async () => {
    const now = deps.clock();
    const prepared = await ledger.prepare({ name: repository }, [
      {
        ...{ kind: 'manifest-deleted', organisation, repository, digest, recordId: newRecordId(randomBytes) },
        ...(principalId !== undefined && { principal: principalId }),
        time: now.toISOString(),
      },
    ]);
    const parameters: Parameter[] = [repositoryId, visibility, digest, leaseAgo(deps, now), now];
    const [row] = await database.query<{ collected: boolean }>(COLLECT, [
      ...parameters,
      ...[leaseUntil(deps), ...ledger.queueParameters(prepared)],
    ]);
    if (row?.collected !== true) return false;
    ledger.wake();
    return true;
  });
}

function leaseAgo({ leaseSeconds = DEFAULT_LEASE_SECONDS }: RegistryDeps, now: Date): Date {
  return new Date(now.getTime() - leaseSeconds * 1000);
}
