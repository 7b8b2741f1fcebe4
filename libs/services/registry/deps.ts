import type { KeyObject } from 'node:crypto';

import type { Access } from '@dockchains/access';
import type { BlobStore } from '@dockchains/blobs';
import type { Database } from '@dockchains/database';
import type { Ledger, Ledgers } from '@dockchains/ledger';

import type { BlobLookup } from './find-blob.ts';
import type { HeldBytes } from './held-bytes.ts';
import type { JudgedWrites } from './judged-writes.ts';
import type { ManifestBytes } from './manifest-bytes.ts';
import type { ManifestLookup } from './find-manifest.ts';
import type { ManifestLeases } from './lease-manifest.ts';
import type { PushLeases } from './lease-push.ts';
import type { TagNamesLookup } from './list-tag-names.ts';
import type { ContentCalls } from './content-calls.ts';
import type { PushLookup } from './push-state.ts';
import type { UploadCalls } from './upload-calls.ts';
import type { UploadWrites } from './upload-writes.ts';
import type { PushWriter } from './write-pushes.ts';

/** What the registry is made of. */
export interface RegistryOptions {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly access: Access;
  readonly ledgers: Ledgers;
  /** Ed25519 private key that signs receipts and nothing else. */
  readonly receiptKey: KeyObject;
  /** DNS name of the organisation whose repositories these are. */
  readonly organisation: string;
  readonly clock: () => Date;
  readonly randomBytes: (bytes: number) => Buffer;
  /**
   * When a push or a deletion is acknowledged: once it is durable here, or once a peer holds its records too. `local` without it.
   */
  readonly acknowledge?: 'local' | 'replicated';
  /** How long content stays that nothing needs yet, or nothing needs any more; an hour without it. */
  readonly leaseSeconds?: number;
}

/** What each operation gets: the options, and the look-ups and the cache that all operations share. */
export interface RegistryDeps extends RegistryOptions {
  readonly ledger: Ledger;
  readonly lookUpManifest: ManifestLookup;
  readonly lookUpBlob: BlobLookup;
  readonly lookUpTagNames: TagNamesLookup;
  readonly readPushState: PushLookup;
  readonly leaseManifests: ManifestLeases;
  readonly leasePush: PushLeases;
  readonly putPush: PushWriter;
  readonly uploadCalls: UploadCalls;
  readonly uploadWrites: UploadWrites;
  readonly judgedWrites: JudgedWrites;
  readonly heldBytes: HeldBytes;
  readonly contentCalls: ContentCalls;
  readonly manifestBytes: ManifestBytes;
}
