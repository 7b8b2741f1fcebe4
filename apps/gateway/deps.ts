import type { Access } from '@dockchains/access';
import type { Catalog } from '@dockchains/catalog';
import type { Database } from '@dockchains/database';
import type {
  ClosedLedger,
  Messages,
  Mirroring,
  OwnDescriptor,
  Peers,
  Witness,
} from '@dockchains/federation';
import type { Ledgers } from '@dockchains/ledger';
import type { Registry } from '@dockchains/registry';
import type { FastifyBaseLogger } from 'fastify';

import type { Config } from './config.ts';
import type { Metrics } from './metrics.ts';
import type { Replicas } from './replicas.ts';
import type { Tracing } from './tracing/tracing.ts';

/** What the routes are wired to. */
export interface GatewayDeps {
  readonly access: Access;
  readonly catalog: Catalog;
  readonly database: Database;
  readonly ledgers: Ledgers;
  readonly registry: Registry;
  readonly mirroring: Mirroring;
  readonly config: Config;
  readonly log: FastifyBaseLogger;
  readonly metrics: Metrics;
  /** Only where traces were asked for. */
  readonly tracing: Tracing | undefined;
  readonly clock: () => Date;
  /** Where clients reach the gateway, without a slash at the end. */
  readonly publicUrl: string;
  /** What the organisation says of itself, signed. */
  readonly descriptor: OwnDescriptor;
  /** The organisations that this one federates with. */
  readonly peers: Peers;
  /** What is held here of the peers' public logs. */
  readonly replicas: Replicas;
  readonly witness: Witness;
  /** Ledgers of this organisation and its peers that ended. */
  readonly closedLedgers: () => Promise<readonly ClosedLedger[]>;
  /** Between this organisation and its peers, over NATS. */
  readonly messages: Messages;
}
