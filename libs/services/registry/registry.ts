import type { Principal } from '@dockchains/access';
import type { ManifestReference, ReferrerDescriptor, RepositoryName, Tag } from '@dockchains/oci';

import { type AppendUpload, appendUpload } from './append-upload.ts';
import { backfillReferences, type Backfilled } from './backfill-references.ts';
import { cancelUpload } from './cancel-upload.ts';
import {
  collect,
  type CollectionRun,
  type CollectionStep,
  type CollectRequest,
  runCollection,
} from './collect.ts';
import { openContentCalls } from './content-calls.ts';
import { deleteBlob } from './delete-blob.ts';
import { deleteManifest } from './delete-manifest.ts';
import type { RegistryDeps, RegistryOptions } from './deps.ts';
import { openBlobLookup } from './find-blob.ts';
import {
  findByDigest,
  type FindByDigest,
  type ResolvedManifest,
  resolveReference,
} from './find-by-digest.ts';
import { openManifestLookup } from './find-manifest.ts';
import { type FinishUpload, finishUpload } from './finish-upload.ts';
import { type BlobRequest, getBlob, type StoredBlob } from './get-blob.ts';
import { getManifest, type ManifestRequest, type StoredManifest } from './get-manifest.ts';
import { openHeldBytes } from './held-bytes.ts';
import { openJudgedWrites } from './judged-writes.ts';
import { keepBlob } from './keep-blob.ts';
import { openManifestLeases } from './lease-manifest.ts';
import { openPushLeases } from './lease-push.ts';
import { type ListReferrers, listReferrers } from './list-referrers.ts';
import { type ListRepositories, listRepositories, type RepositorySummary } from './list-repositories.ts';
import { listTagNames, openTagNamesLookup } from './list-tag-names.ts';
import { type ListTagHistory, listTagHistory, type TagEvent } from './list-tag-history.ts';
import { type ListTags, listTags, type TagSummary } from './list-tags.ts';
import { openManifestBytes } from './manifest-bytes.ts';
import { type Mirrors, openMirrors } from './mirrors.ts';
import { mountBlob, type MountRequest } from './mount-blob.ts';
import type { Page } from './page.ts';
import { openPushLookup } from './push-state.ts';
import { type PutBlob, putBlob } from './put-blob.ts';
import { type PutManifest, putManifest, type PutResult } from './put-manifest.ts';
import { type SetVisibility, setVisibility, type VisibilityChanged } from './set-visibility.ts';
import { type StartUpload, startUpload } from './start-upload.ts';
import { sweepUploads } from './sweep-uploads.ts';
import { openUploadCalls } from './upload-calls.ts';
import { openUploadWrites } from './upload-writes.ts';
import { findUploadOwner, getUpload, type Upload, type UploadRequest } from './uploads.ts';
import { openPushWriter } from './write-pushes.ts';

/**
 * The registry of one organisation. Each operation asks the access service first, and is documented in the file of its
 * name. What it acknowledges is durable and, where it changes what a name means, on the record.
 */
export interface Registry {
  getManifest(request: ManifestRequest): Promise<StoredManifest>;
  putManifest(request: PutManifest): Promise<PutResult>;
  deleteManifest(request: ManifestRequest): Promise<void>;
  getBlob(request: BlobRequest): Promise<StoredBlob>;
  keepBlob(request: BlobRequest): Promise<StoredBlob>;
  putBlob(request: PutBlob): Promise<void>;
  deleteBlob(request: BlobRequest): Promise<void>;
  mountBlob(request: MountRequest): Promise<boolean>;
  startUpload(request: StartUpload): Promise<string>;
  getUpload(request: UploadRequest): Promise<Upload>;
  appendUpload(request: AppendUpload): Promise<number>;
  finishUpload(request: FinishUpload): Promise<void>;
  cancelUpload(request: UploadRequest): Promise<void>;
  findUploadOwner(id: string): Promise<string | undefined>;
  sweepUploads(): Promise<number>;
  setVisibility(request: SetVisibility): Promise<VisibilityChanged>;
  backfillReferences(): Promise<Backfilled>;
  collect(request: CollectRequest): Promise<CollectionStep>;
  runCollection(signal: AbortSignal): Promise<CollectionRun | undefined>;
  listTags(request: ListTags): Promise<Page<TagSummary>>;
  listTagNames(request: ListTags): Promise<Page<Tag>>;
  listTagHistory(request: ListTagHistory): Promise<Page<TagEvent>>;
  listRepositories(request: ListRepositories): Promise<Page<RepositorySummary>>;
  listReferrers(request: ListReferrers): Promise<Page<ReferrerDescriptor>>;
  resolveReference(
    principal: Principal,
    target: { repository: RepositoryName; reference: ManifestReference },
  ): Promise<ResolvedManifest>;
  findByDigest(request: FindByDigest): Promise<Page<ResolvedManifest>>;
  readonly mirrors: Mirrors;
}

/** Makes the registry. It holds no state that another gateway of the organisation would need. */
export function createRegistry(options: RegistryOptions): Registry {
  const deps: RegistryDeps = {
    ...options,
    ledger: options.ledgers.public,
    lookUpManifest: openManifestLookup(options.database),
    lookUpBlob: openBlobLookup(options.database),
    lookUpTagNames: openTagNamesLookup(options.database),
    readPushState: openPushLookup(options),
    leaseManifests: openManifestLeases(options.database),
    leasePush: openPushLeases(options.database),
    putPush: openPushWriter(options.database),
    uploadCalls: openUploadCalls(options.database),
    uploadWrites: openUploadWrites(options.database),
    judgedWrites: openJudgedWrites(options.access),
    heldBytes: openHeldBytes(),
    contentCalls: openContentCalls(options.database),
    manifestBytes: openManifestBytes(options.blobs),
  };
  return {
    getManifest: (request) => getManifest(deps, request),
    putManifest: (request) => putManifest(deps, request),
    deleteManifest: (request) => deleteManifest(deps, request),
    getBlob: (request) => getBlob(deps, request),
    keepBlob: (request) => keepBlob(deps, request),
    putBlob: (request) => putBlob(deps, request),
    deleteBlob: (request) => deleteBlob(deps, request),
    mountBlob: (request) => mountBlob(deps, request),
    startUpload: (request) => startUpload(deps, request),
    getUpload: (request) => getUpload(deps, request),
    appendUpload: (request) => appendUpload(deps, request),
    finishUpload: (request) => finishUpload(deps, request),
    cancelUpload: (request) => cancelUpload(deps, request),
    findUploadOwner: (id) => findUploadOwner(deps.database, id),
    sweepUploads: () => sweepUploads(deps),
    setVisibility: (request) => setVisibility(deps, request),
    backfillReferences: () => backfillReferences(deps),
    collect: (request) => collect(deps, request),
    runCollection: (signal) => runCollection(deps, signal),
    listTags: (request) => listTags(deps, request),
    listTagNames: (request) => listTagNames(deps, request),
    listTagHistory: (request) => listTagHistory(deps, request),
    listRepositories: (request) => listRepositories(deps, request),
    listReferrers: (request) => listReferrers(deps, request),
    resolveReference: (principal, target) => resolveReference(deps, principal, target),
    findByDigest: (request) => findByDigest(deps, request),
    mirrors: openMirrors(deps),
  };
}
