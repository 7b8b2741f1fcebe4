import { readFile } from 'node:fs/promises';

import { openFileBlobStore, openFileTileStore } from '@dockchains/blobs';
import { type Database, migrate, openDatabase } from '@dockchains/database';
import { parsePeerUrl, pinPeer, readActivePeers, restorePeers } from '@dockchains/federation';
import { hasInception, openKey } from '@dockchains/keys';
import { sequencerLock } from '@dockchains/ledger';
import { parseOrigin } from '@dockchains/tlog';
import { pino } from 'pino';

import type { Config } from '../config.ts';
import { openLedgerKeys } from '../ledgers.ts';
import { describeError } from '../log-errors.ts';
import { cannotRecover, type RecoveryDeps } from './deps.ts';
import { parseRecoverOptions, type RecoverOptions } from './options.ts';
import { recoverContent } from './recover-content.ts';
import { recoverLedgerFiles } from './recover-files.ts';
import { describeReport, encodeReport, isWhole } from './report.ts';

const MAX_RECEIPTS = 100_000;

/**
 * `recover`: brings back what a lost or old database, tile store or blob store held, from what is left and from peers, while no gateway of the
 * organisation runs. It may be run again at any time, goes on where it was interrupted, and says on standard output what is gone; the process ends
 * with 1 if anything is.
 * @throws Error with code CANNOT_RECOVER or USAGE; KeyError, LedgerError, FederationError, DatabaseError, BlobStoreError
 */
export async function recover(config: Config, args: readonly string[]): Promise<void> {
  const options = parseRecoverOptions(args);
  const receipts = options.receipts === undefined ? undefined : await readReceipts(options.receipts);
  await requireKeys(config);
  await migrate(config.databaseUrl);
  const database = openDatabase(config.databaseUrl);
  try {
    await findPeers(config, database, options);
    const deps = await openDeps(config, database);
    const files = await holdingLocks(deps, () => recoverLedgerFiles(deps, options));
    const report = await recoverContent(deps, files, receipts);
    process.stdout.write(`${options.json ? encodeReport(report) : describeReport(report)}\n`);
    if (!isWhole(report)) process.exitCode = 1;
  } finally {
    await database.close();
  }
}

/** Without the keys nothing can go on: new ones would be refused by everybody who knows the old. */
async function requireKeys({ keysDirectory, organisation }: Config): Promise<void> {
  if (await hasInception(keysDirectory, parseOrigin(`${organisation}/ledger/public`))) return;
  throw cannotRecover(
    `The keys folder has never begun a ledger of ${organisation}: put the keys back from their backup. Without them nothing can be recovered, because nobody would believe what others signed.`,
  );
}

/** Peers are known from the database, else from the file beside the keys, and from the command line. */
async function findPeers(config: Config, database: Database, { peers }: RecoverOptions): Promise<void> {
  const { keysDirectory, insecure } = config;
  const clock = (): Date => new Date();
  await restorePeers({ database, keysDirectory, clock });
  for (const { url, fingerprint } of peers) {
    const request = { fetch: globalThis.fetch, url: parsePeerUrl(url, { insecure }), insecure };
    await pinPeer(
      { database, clock },
      { ...request, fingerprint: fingerprint.replace(/[\s:]/g, '').toUpperCase() },
    );
  }
}

async function openDeps(config: Config, database: Database): Promise<RecoveryDeps> {
  const { organisation, keysDirectory, listen } = config;
  const publicUrl = config.publicUrl ?? `http://${listen.host}:${listen.port}`;
  return {
    ...{ config, database, publicUrl },
    log: pino({ level: config.logLevel, serializers: { err: describeError } }, pino.destination(2)),
    keys: await openLedgerKeys({ organisation, keysDirectory, publicUrl }),
    receiptKey: await openKey(keysDirectory, 'receipt'),
    tokenKey: await openKey(keysDirectory, 'token'),
    blobs: await openFileBlobStore(config.blobs),
    tiles: await openFileTileStore(config.tiles),
    peers: await readActivePeers(database),
    clock: () => new Date(),
  };
}

/** Whoever sequences holds these: what they write must not change under them. */
async function holdingLocks<Result>(
  { database, keys }: RecoveryDeps,
  work: () => Promise<Result>,
): Promise<Result> {
  await using locks = new AsyncDisposableStack();
  for (const name of ['public', 'private'] as const) {
    const lock = await database.tryLock(sequencerLock(keys[name].verifierKey.name));
    if (lock === undefined) {
      throw cannotRecover('A gateway of the organisation runs on this database: stop all of them first.');
    }
    locks.defer(() => lock.release());
  }
  return await work();
}

async function readReceipts(path: string): Promise<readonly string[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').flatMap((line) => line.trim() || []);
  if (lines.length <= MAX_RECEIPTS) return lines;
  throw cannotRecover(`${path} has more than ${MAX_RECEIPTS} receipts: check them in several runs.`);
}
