import type { Principal } from '@dockchains/access';
import {
  type Digest,
  digestAlgorithm,
  digestOf,
  type Manifest,
  type ManifestReference,
  OciError,
  parseNewManifest,
  type RepositoryName,
  type Tag,
} from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

import { untilAcknowledged } from './acknowledge.ts';
import type { RegistryDeps } from './deps.ts';
import { leaseManifest } from './lease-manifest.ts';
import { isLikelyPush, leaseAhead } from './lease-push.ts';
import type { Push } from './push-base.ts';
import type { PushFacts } from './push-records.ts';
import { requireTagRights } from './push-state.ts';
import { findReceipt, signReceiptOf } from './receipts.ts';
import { getVisibility } from './repositories.ts';
import { requireStorable } from './storable.ts';
import { writePush } from './write-push.ts';

/** A manifest to store under its digest and, where given, under tags. */
export interface PutManifest {
  readonly principal: Principal;
  readonly repository: RepositoryName;
  readonly reference: ManifestReference;
  /** Tags beside the reference's own (distribution-spec main, `?tag=`). */
  readonly tags?: readonly Tag[];
  /** Gives the body exactly as sent, which is stored and served unchanged; called once the right to push is sure, or most likely. */
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
 * rights; a lease, if all that the manifest needs is there; bytes durable in the blob store; one statement with manifest,
 * tags and their records; then the answer. A push that changes nothing appends nothing and gives the record it had.
 * @throws OciError DENIED, DIGEST_INVALID, MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN, SIZE_INVALID, TOOMANYREQUESTS;
 *   AccessError; LedgerError FROZEN, BUSY, NOT_HELD; BlobStoreError
 */
export async function putManifest(deps: RegistryDeps, request: PutManifest): Promise<PutResult> {
  const { principal, repository } = request;
  const tags = tagsOf(request);
  const target = { principal, repository, tags };
  const early = isLikelyPush(deps, target) ? readContent(request) : undefined;
  // A body that is refused waits for what is to be judged before it.
  const known = await early?.catch(() => undefined);
  const ahead = known && (await leaseAhead(deps, target, known));
  const state = ahead?.state ?? (await deps.readPushState(target));
  state.rights.require('push');
  const visibility = state.visibility ?? (await getVisibility(deps, repository));
  deps.ledgers.of(visibility).requireWritable();
  const { bytes, digest, manifest } = await (early ?? readContent(request));
  const requireRights: Push['requireRights'] = (present) => {
    requireTagRights({ ...state, tags: present }, { repository, tags, digest });
  };
  requireRights(state.tags);
  const leased =
    ahead?.leasedIn === undefined
      ? await leaseManifest(deps, { repository, visibility, digest }, manifest)
      : { repositoryId: ahead.leasedIn, known: undefined };
  await deps.blobs.put(bytes, digest);

  const facts: PushFacts = {
    ...{ organisation: deps.organisation, repository, digest, manifest, size: bytes.length },
    ...{ principalId: principal.id, time: deps.clock() },
  };
  const push: Push = {
    ...{ facts, tags, requireRights },
    repository: { id: leased.repositoryId, name: repository },
  };
  const { recordId, recordIds, ledger, prepared } = await writePush(deps, push, {
    ...{ visibility, known: leased.known, tags: state.tags },
  });

  if (prepared.length > 0) ledger.wake();
  deps.manifestBytes.remember(digest, bytes);
  await untilAcknowledged(deps, ledger, recordIds);
  const fresh = prepared.find((one) => one.recordId === recordId);
  const promise = { recordId, repository, digest };
  const receipt =
    fresh === undefined
      ? await findReceipt(deps, ledger, promise)
      : signReceiptOf(deps, ledger, { ...promise, leafHash: fresh.leafHash, scope: fresh.sealed });
  return { digest, subject: manifest.subject?.digest, tags, recordId, receipt };
}

/** What a push brings: a manifest that can be stored, and its bytes. */
async function readContent({
  readBytes,
  reference,
  contentType,
}: PutManifest): Promise<{ bytes: Buffer; digest: Digest; manifest: Manifest }> {
  const bytes = await readBytes();
  const digest = digestOfBody(reference, bytes);
  const manifest = parseNewManifest(bytes, contentType);
  requireStorable(manifest);
  return { bytes, digest, manifest };
}

function digestOfBody(reference: ManifestReference, bytes: Buffer): Digest {
  if (reference.kind === 'tag') return digestOf(bytes);
  const digest = digestOf(bytes, digestAlgorithm(reference.digest));
  if (digest === reference.digest) return digest;
  throw new OciError('DIGEST_INVALID', 'The manifest’s bytes are not those of the digest it was pushed by.', {
    detail: { digest: reference.digest, received: digest },
  });
}

/** In byte order, in which all that locks several tags does so. */
function tagsOf({ reference, tags = [] }: PutManifest): Tag[] {
  return [...new Set([...(reference.kind === 'tag' ? [reference.tag] : []), ...tags])].sort();
}
