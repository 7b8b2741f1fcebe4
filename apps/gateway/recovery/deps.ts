import type { KeyObject } from 'node:crypto';

import type { BlobStore, TileStore } from '@dockchains/blobs';
import type { Database } from '@dockchains/database';
import type { Peer } from '@dockchains/federation';
import type { FastifyBaseLogger } from 'fastify';

import type { Config } from '../config.ts';
import type { LedgerKeys } from '../ledgers.ts';

/** What a recovery works on. */
export type RecoveryDeps = {
  readonly config: Config;
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly tiles: TileStore;
  readonly keys: LedgerKeys;
  readonly receiptKey: KeyObject;
  readonly tokenKey: KeyObject;
  readonly peers: readonly Peer[];
  readonly publicUrl: string;
  readonly clock: () => Date;
  readonly log: FastifyBaseLogger;
};

/** Why a recovery was not begun, or goes no further; what was done before stands. */
export function cannotRecover(message: string): Error {
  return Object.assign(new Error(message), { code: 'CANNOT_RECOVER' });
}
