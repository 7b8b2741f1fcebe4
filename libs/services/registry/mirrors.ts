import { ANONYMOUS } from '@dockchains/access';
import type { Statement, Transaction } from '@dockchains/database';
import { type Digest, type Manifest, parseManifest, type RepositoryName } from '@dockchains/oci';
import type { ManifestRecord } from '@dockchains/records';

import { applyRecord, type PublishingRecord } from './apply-record.ts';
import { commitBlob, leaseIn } from './commit-blob.ts';
import type { RegistryDeps } from './deps.ts';
import { leaseContents, leaseUntil } from './lease.ts';
import { type MirrorStore, openMirrorStore } from './mirror-store.ts';
import { linkBlob, listSources } from './mount-blob.ts';
import { ensureRepository, findRepository } from './repositories.ts';
import { storeManifest } from './store-manifest.ts';
import { transact } from './transact.ts';

/** A manifest as its origin, or another mirror of it, gave it, and what it says; the bytes are those of the digest. */
export interface FetchedManifest {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
}

/**
 * Other organisations' public repositories, kept under names that begin with theirs. They are rows as our own are, so that reading and collecting
 * them is the same; but only their origin's ledger moves them, and nothing is theirs because we happen to have its bytes: who names a digest
 * in a manifest of his own must not be given what a private repository of ours holds.
 */
export interface Mirrors extends Omit<MirrorStore, 'evict'> {
  /** Gives those of the digests whose manifests the repository does not have. */
  listMissing(repository: RepositoryName, digests: readonly Digest[]): Promise<readonly Digest[]>;
  /** Gives those of the digests that the repository has no blobs of. */
  listMissingBlobs(repository: RepositoryName, digests: readonly Digest[]): Promise<readonly Digest[]>;
  /** Places manifests' bytes in the store, under leases, for records that are applied to make their rows; none of them twice. */
  keepManifests(repository: RepositoryName, manifests: readonly FetchedManifest[]): Promise<void>;
  /** Begins to apply records of an origin's public ledger in the caller's transaction; they come in ledger order. */
  begin(transaction: Transaction): MirrorWriter;
  /** Gives the size in bytes of a blob that a manifest of the repository needs; undefined where none does. */
  findNeeded(repository: RepositoryName, digest: Digest): Promise<{ readonly size: number } | undefined>;
  /** Says whether the repository has a blob, which it is given where a public repository here has it: in one statement where nobody does. */
  ensureLinked(repository: RepositoryName, digest: Digest): Promise<boolean>;
  /** Lets go of blobs of mirrors that match the pattern, those fetched first, until that many bytes went; they are fetched again when pulled. */
  evict(pattern: string, bytes: bigint): Promise<number>;
  /** Makes an upload's bytes a blob of the repository. @throws OciError DIGEST_INVALID, the upload being as before */
  commitBlob(repository: RepositoryName, uploadId: string, digest: Digest): Promise<void>;
}

/** Applies records within one transaction. */
interface MirrorWriter {
  /** Applies a record. Manifests that are neither there nor among the kept ones stay absent. */
  apply(record: ManifestRecord, mirror: MirrorPlace): Promise<void>;
  /** Takes a repository that its origin has withdrawn out of everybody's sight, and lets its content go. */
  withdraw(repository: RepositoryName): Promise<void>;
}

/** Under which name a record's repository is kept here, and which manifests were kept for it. */
interface MirrorPlace {
  readonly repository: RepositoryName;
  readonly kept: ReadonlyMap<Digest, FetchedManifest>;
}

const PARALLEL_PUTS = 8;

const LIST_MISSING: Statement = {
  name: 'registry_mirror_list_missing',
  text: `SELECT w.digest FROM unnest($2::text[]) AS w (digest)
         WHERE NOT EXISTS (SELECT FROM manifest m JOIN repository r ON r.id = m.repository_id
                           WHERE r.name = $1 AND m.digest = w.digest)`,
};
const LIST_MISSING_BLOBS: Statement = {
  name: 'registry_mirror_list_missing_blobs',
  text: `SELECT w.digest FROM unnest($2::text[]) AS w (digest)
         WHERE NOT EXISTS (SELECT FROM repository_blob l JOIN repository r ON r.id = l.repository_id
                           WHERE r.name = $1 AND l.digest = w.digest)`,
};
const FIND_LINKS: Statement = {
  name: 'registry_mirror_find_links',
  text: `SELECT EXISTS (SELECT FROM repository_blob l JOIN repository r ON r.id = l.repository_id
                        WHERE r.name = $1 AND l.digest = $2) AS own,
           EXISTS (SELECT FROM repository_blob l JOIN repository r ON r.id = l.repository_id
                   WHERE l.digest = $2 AND r.visibility = 'public') AS public`,
};
const FIND_NEEDING: Statement = {
  name: 'registry_mirror_find_needing',
  text: `SELECT m.digest AS manifest, m.media_type AS "mediaType"
         FROM repository r JOIN manifest m ON m.repository_id = r.id AND m.digest = find_needing(r.id, $2)
         WHERE r.name = $1 AND r.visibility = 'public'`,
};
const SHOW: Statement = {
  name: 'registry_mirror_show',
  text: `UPDATE repository SET visibility = 'public' WHERE id = $1 AND visibility <> 'public'`,
};
const HIDE: Statement = {
  name: 'registry_mirror_hide',
  text: `UPDATE repository SET visibility = 'private' WHERE id = $1`,
};
const DELETE_TAGS: Statement = {
  name: 'registry_mirror_delete_tags',
  text: 'DELETE FROM tag WHERE repository_id = $1',
};
// As for each deleted manifest: what it needed goes after a lease.
const RELEASE: Statement = {
  name: 'registry_mirror_release',
  text: `INSERT INTO blob_lease AS l (repository_id, digest, until)
         SELECT $1, n.digest, $2 FROM (
           SELECT f.digest FROM manifest_reference f WHERE f.repository_id = $1
           UNION SELECT m.digest FROM manifest m WHERE m.repository_id = $1
         ) AS n ORDER BY n.digest
         ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until)`,
};
const DELETE_MANIFESTS: Statement = {
  name: 'registry_mirror_delete_manifests',
  text: 'DELETE FROM manifest WHERE repository_id = $1',
};

/** Opens the mirrors of a registry. */
export function openMirrors(deps: RegistryDeps): Mirrors {
  const ensure = (repository: RepositoryName): Promise<number> =>
    transact(deps.database, (transaction) => ensureRepository(transaction, repository, 'public'));
  // A mirror that is there, as nearly always, is not locked for it: that would be a commit of its own.
  const idOf = async (repository: RepositoryName): Promise<number> =>
    (await findRepository(deps.database, repository))?.id ?? ensure(repository);
  const store = openMirrorStore(deps.database);
  return {
    ...store,
    evict: (pattern, bytes) => store.evict(pattern, bytes, leaseUntil(deps)),

    async listMissing(repository, digests) {
      const rows = await deps.database.query<{ digest: Digest }>(LIST_MISSING, [repository, digests]);
      return rows.map(({ digest }) => digest);
    },

    async listMissingBlobs(repository, digests) {
      const rows = await deps.database.query<{ digest: Digest }>(LIST_MISSING_BLOBS, [repository, digests]);
      return rows.map(({ digest }) => digest);
    },

    async keepManifests(repository, manifests) {
      if (manifests.length === 0) return;
      const repositoryId = await ensure(repository);
      const digests = manifests.map(({ digest }) => digest);
      await leaseContents(deps.database, { repositoryId, digests, until: leaseUntil(deps) });
      const waiting = manifests.values();
      const put = async (): Promise<void> => {
        for (const { digest, bytes } of waiting) await deps.blobs.put(bytes, digest);
      };
      await Promise.all(Array.from({ length: PARALLEL_PUTS }, put));
    },

    begin: (transaction) => openWriter(deps, transaction),

    async findNeeded(repository, digest) {
      const [row] = await deps.database.query<{ manifest: Digest; mediaType: string }>(FIND_NEEDING, [
        ...[repository, digest],
      ]);
      if (row === undefined) return undefined;
      const size = sizeIn(parseManifest(await deps.manifestBytes.read(row.manifest), row.mediaType), digest);
      return size === undefined ? undefined : { size };
    },

    async ensureLinked(repository, digest) {
      const [links] = await deps.database.query<{ own: boolean; public: boolean }>(FIND_LINKS, [
        ...[repository, digest],
      ]);
      if (links?.own === true) return true;
      if (links?.public !== true) return false;
      const request = { principal: ANONYMOUS, repository, digest };
      return linkBlob(deps, request, { visibility: 'public', sources: await listSources(deps, request) });
    },

    commitBlob: (repository, id, digest) =>
      commitBlob(deps, { id, lease: leaseIn(deps, digest, () => idOf(repository)) }, digest),
  };
}

/** What it has found or made stays until the transaction's end, and is not asked for again. */
function openWriter(deps: RegistryDeps, transaction: Transaction): MirrorWriter {
  const shown = new Map<RepositoryName, number>();
  const stored = new Set<string>();

  const show = async (repository: RepositoryName): Promise<number> => {
    const known = shown.get(repository);
    if (known !== undefined) return known;
    const repositoryId = await ensureRepository(transaction, repository, 'public');
    await transaction.query(SHOW, [repositoryId]);
    shown.set(repository, repositoryId);
    return repositoryId;
  };

  return {
    async apply(record, { repository, kept }) {
      const repositoryId = await show(repository);
      const key = `${repositoryId}@${record.digest}`;
      const storeOnce = async (published: PublishingRecord): Promise<boolean> => {
        if (stored.has(key)) return true;
        const isThere = await storeKept(transaction, { repositoryId, kept }, published);
        if (isThere) stored.add(key);
        return isThere;
      };
      if (record.kind === 'manifest-deleted') stored.delete(key);
      const newer = { tag: false, manifest: false };
      await applyRecord({ transaction, repositoryId, newer, storeManifest: storeOnce }, record);
    },

    async withdraw(repository) {
      const repositoryId = await ensureRepository(transaction, repository, 'public');
      shown.delete(repository);
      stored.clear();
      await transaction.query(HIDE, [repositoryId]);
      await transaction.query(DELETE_TAGS, [repositoryId]);
      await transaction.query(RELEASE, [repositoryId, leaseUntil(deps)]);
      await transaction.query(DELETE_MANIFESTS, [repositoryId]);
    },
  };
}

async function storeKept(
  transaction: Transaction,
  { repositoryId, kept }: Pick<MirrorPlace, 'kept'> & { readonly repositoryId: number },
  { digest, recordId, time }: PublishingRecord,
): Promise<boolean> {
  const fetched = kept.get(digest);
  if (fetched !== undefined) {
    const { manifest } = fetched;
    const size = fetched.bytes.length;
    const publishedAt = new Date(time);
    await storeManifest(transaction, { repositoryId, digest, manifest, size, recordId, publishedAt });
    return true;
  }
  return (await transaction.query(HAS_MANIFEST, [repositoryId, digest])).length > 0;
}

const HAS_MANIFEST: Statement = {
  name: 'registry_mirror_has_manifest',
  text: 'SELECT FROM manifest WHERE repository_id = $1 AND digest = $2',
};

function sizeIn({ config, layers, manifests }: Manifest, digest: Digest): number | undefined {
  const descriptors = [...(config === undefined ? [] : [config]), ...layers, ...manifests];
  return descriptors.find((descriptor) => descriptor.digest === digest)?.size;
}
