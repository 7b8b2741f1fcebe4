import type { Principal } from '@dockchains/access';
import type { Transaction } from '@dockchains/database';
import {
  type Digest,
  digestAlgorithm,
  digestOf,
  type ManifestReference,
  OciError,
  parseManifest,
  type RepositoryName,
  type Tag,
} from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

import type { RegistryDeps } from './deps.ts';
import { describeMove, describePublication, type PushFacts } from './push-records.ts';
import { findReceipt, signReceiptOf } from './receipts.ts';
import { newRecordId } from './record-id.ts';
import { ensureRepository, getVisibility } from './repositories.ts';
import { requireContent, requireStorable } from './required-content.ts';
import { setTag, type TagMove, type TagMoved } from './set-tag.ts';
import { storeManifest } from './store-manifest.ts';
import { transact } from './transact.ts';

/** A manifest to store under its digest and, where given, under tags. */
export interface PutManifest {
  readonly principal: Principal;
  readonly repository: RepositoryName;
  readonly reference: ManifestReference;
  /** Tags beside the reference's own (distribution-spec main, `?tag=`). */
  readonly tags?: readonly Tag[];
  /** Gives the body exactly as sent, which is stored and served unchanged; called once the right to push is sure. */
  readonly readBytes: () => Promise<Buffer>;
  readonly contentType: string | undefined;
}

/** What was stored, and the record that says so: of the tag's move, else of the publication. */
export interface PutResult {
  readonly digest: Digest;
  readonly subject: Digest | undefined;
  readonly tags: readonly Tag[];
  readonly recordId: RecordId;
  /** Compact JWS (escrow.md, Receipts); undefined only for an old record that the ledger no longer holds. */
  readonly receipt: string | undefined;
}

/**
 * Stores a manifest (distribution-spec, Pushing Manifests). Order, so that a crash at any line leaves nothing half done:
 * bytes durable in the blob store; one transaction with manifest, tags and their records; then the answer. A push that
 * changes nothing appends nothing and gives the record it had.
 * @throws OciError DENIED, DIGEST_INVALID, MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN, SIZE_INVALID; AccessError;
 *   LedgerError FROZEN; BlobStoreError
 */
export async function putManifest(deps: RegistryDeps, request: PutManifest): Promise<PutResult> {
  const { principal, repository } = request;
  await deps.access.require(principal, 'push', repository);
  deps.ledger.requireWritable();
  const bytes = await request.readBytes();
  const digest = digestOfBody(request.reference, bytes);
  const manifest = parseManifest(bytes, request.contentType);
  requireStorable(manifest);
  const visibility = await getVisibility(deps, repository);
  await deps.blobs.put(bytes, digest);

  const tags = tagsOf(request);
  const facts: PushFacts = {
    ...{ organisation: deps.organisation, repository, digest, manifest, size: bytes.length },
    ...{ principalId: principal.id, time: deps.clock() },
  };
  const { stored, moves, appended } = await transact(deps.database, async (transaction) => {
    const repositoryId = await ensureRepository(transaction, repository, visibility);
    await requireContent(transaction, repositoryId, manifest);
    const row = { repositoryId, digest, manifest, size: bytes.length };
    const recordId = newRecordId(deps.randomBytes);
    const stored = await storeManifest(transaction, { ...row, recordId, publishedAt: facts.time });
    const moves = await setTags(deps, transaction, { repositoryId, digest, tags, at: facts.time });
    const records = [
      ...(stored.isNew ? describePublication(facts, stored.recordId, newRecordId(deps.randomBytes)) : []),
      ...moves.filter(({ moved }) => moved).map((move) => describeMove(facts, move)),
    ];
    const appended = records.length === 0 ? [] : await deps.ledger.append(transaction, records);
    return { stored, moves, appended };
  });

  if (appended.length > 0) deps.ledger.wake();
  deps.manifestBytes.remember(digest, bytes);
  const recordId = moves[0]?.recordId ?? stored.recordId;
  const fresh = appended.find((one) => one.recordId === recordId);
  const promise = { recordId, repository, digest };
  const receipt =
    fresh === undefined
      ? await findReceipt(deps, promise)
      : await signReceiptOf(deps, promise, fresh.leafHash);
  return { digest, subject: manifest.subject?.digest, tags, recordId, receipt };
}

function digestOfBody(reference: ManifestReference, bytes: Buffer): Digest {
  if (reference.kind === 'tag') return digestOf(bytes);
  const digest = digestOf(bytes, digestAlgorithm(reference.digest));
  if (digest === reference.digest) return digest;
  throw new OciError('DIGEST_INVALID', 'The manifest’s bytes are not those of the digest it was pushed by.', {
    detail: { digest: reference.digest, received: digest },
  });
}

/** In byte order, as every other transaction that locks several tags; what is appended next is behind those locks. */
async function setTags(
  { randomBytes }: RegistryDeps,
  transaction: Transaction,
  { tags, ...move }: Omit<TagMove, 'name' | 'recordId'> & { tags: readonly Tag[] },
): Promise<(TagMoved & { name: Tag })[]> {
  const moves = [];
  for (const name of tags) {
    const moved = await setTag(transaction, { ...move, name, recordId: newRecordId(randomBytes) });
    moves.push({ name, ...moved });
  }
  return moves;
}

function tagsOf({ reference, tags = [] }: PutManifest): Tag[] {
  return [...new Set([...(reference.kind === 'tag' ? [reference.tag] : []), ...tags])].sort();
}
