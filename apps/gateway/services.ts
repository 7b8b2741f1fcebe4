import { createPublicKey, randomBytes, randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createAccess } from '@dockchains/access';
import { openFileBlobStore, openFileTileStore } from '@dockchains/blobs';
import { migrate, openDatabase } from '@dockchains/database';
import { hasInception, openKey } from '@dockchains/keys';
import { openLedger, type LedgerDeps } from '@dockchains/ledger';
import { createRegistry, openReplay } from '@dockchains/registry';
import { createNoteSigner, encodePolicy, NO_QUORUM, parseOrigin } from '@dockchains/tlog';
import type { FastifyBaseLogger } from 'fastify';

import type { Config } from './config.ts';
import type { GatewayDeps } from './deps.ts';
import { openMetrics } from './metrics.ts';

/** Who hears of the ledger's commit protocol, step by step. */
export type CommitObserver = Pick<LedgerDeps, 'onStep'>;

/** The opened stores and services of one gateway. */
export interface Services extends GatewayDeps {
  /** Ends the ledger's work and the database's connections, in this order. */
  close(): Promise<void>;
}

/**
 * Brings the database up to date, opens stores and keys, and wires the services. What opens last closes first.
 * @throws DatabaseError, KeyError, LedgerError, BlobStoreError
 */
export async function openServices(
  config: Config,
  { log, publicUrl, ...observer }: { log: FastifyBaseLogger; publicUrl: string } & CommitObserver,
): Promise<Services> {
  const { organisation, keysDirectory, checkpointIntervalMs } = config;
  const clock = (): Date => new Date();
  const applied = await migrate(config.databaseUrl);
  if (applied.length > 0) log.info({ migrations: applied }, 'database migrated');

  const origin = parseOrigin(`${organisation}/ledger/public`);
  const mayCreate = !(await hasInception(keysDirectory, origin));
  const logKey = await openKey(keysDirectory, 'log-public', { mayCreate });
  const tokenKey = await openKey(keysDirectory, 'token');
  const receiptKey = await openKey(keysDirectory, 'receipt');
  const signer = createNoteSigner({ name: origin, privateKey: logKey });
  const policy = {
    logs: [{ key: signer.verifierKey, url: `${publicUrl}/log/public` }],
    ...{ witnesses: [], groups: [], quorum: NO_QUORUM },
  };
  await replaceFile(join(keysDirectory, 'trust.policy'), encodePolicy(policy));

  const blobs = await openFileBlobStore(config.blobs);
  const tiles = await openFileTileStore(config.blobs);
  const database = openDatabase(config.databaseUrl);
  try {
    const access = createAccess({ database, tokenKey, organisation, clock, publicUrl });
    const ledger = await openLedger({
      ...{ database, tiles, keysDirectory, origin, signer, clock, checkpointIntervalMs, log },
      replay: openReplay(blobs),
      ...observer,
    });
    const stores = { database, blobs, access, ledger };
    const registry = createRegistry({ ...stores, receiptKey, organisation, clock, randomBytes });
    return {
      ...{ access, database, ledger, registry, config, log, clock, publicUrl },
      metrics: openMetrics(ledger),
      receiptKey: createPublicKey(receiptKey).export({ format: 'jwk' }),
      async close() {
        await ledger.close();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Readers see the old text or the new one, never half. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}`; // gateways that start together each have their own
  await writeFile(temporary, text);
  await rename(temporary, path);
}
