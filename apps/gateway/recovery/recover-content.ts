import { createPublicKey, randomBytes } from 'node:crypto';

import { createAccess } from '@dockchains/access';
import { type BlobStore, BlobStoreError } from '@dockchains/blobs';
import { openHolders, recoverBlobs, recoverManifests } from '@dockchains/federation';
import { hasInception } from '@dockchains/keys';
import {
  findLedgerLine,
  findLedgerSize,
  type LedgerPlace,
  type Ledgers,
  namesOf,
  readFileEntries,
} from '@dockchains/ledger';
import { parseRecord, RecordError, verifyReceipt } from '@dockchains/records';
import { createRegistry, openReplay, retellPublic } from '@dockchains/registry';
import { parseOrigin } from '@dockchains/tlog';

import { openLedgerKeys, openLedgers } from '../ledgers.ts';
import { openMetrics } from '../metrics.ts';
import { openWitnessing } from '../witnessing.ts';
import { cannotRecover, type RecoveryDeps } from './deps.ts';
import type { FilesRecovered } from './recover-files.ts';
import type { LedgerReport, LostReceipt, RecoveryReport } from './report.ts';

/**
 * Brings the database up to the ledgers' files, with the manifests that they tell of, and then the blobs that those need. A gateway may be started as soon as
 * the log says `ledgers recovered`: blobs come back beside it.
 */
export async function recoverContent(
  deps: RecoveryDeps,
  files: FilesRecovered,
  receipts: readonly string[] | undefined,
): Promise<RecoveryReport> {
  const { config, database, blobs, peers, log } = deps;
  const { organisation } = config;
  const holders = openHolders({ list: () => Promise.resolve(peers) });
  const closed = await findClosed(deps);
  const place = closed ?? files.public;
  const manifests = await recoverManifests({ files: place, blobs, holders, organisation });
  log.warn({ fetched: manifests.fetched, missing: manifests.missing.length }, 'manifests recovered');
  const before = (await findLedgerSize(database, place.origin)) ?? 0n;
  if (closed !== undefined) await replayFrom(deps, closed, 0n);

  const counted = countMisses(blobs);
  const { ledgers, close } = await openThem(deps, counted.blobs);
  let lines: Pick<RecoveryReport, 'ledgers' | 'receipts'>;
  try {
    const { firstIndex } = manifests;
    if (firstIndex !== undefined && firstIndex < before) await replayFrom(deps, place, firstIndex);
    await retell(deps, ledgers);
    lines = {
      ledgers: await describeLedgers(ledgers, files),
      ...(receipts !== undefined && { receipts: await checkReceipts(deps, ledgers, receipts) }),
    };
  } finally {
    await close();
  }
  log.warn('ledgers recovered: a gateway may be started while blobs are fetched');
  const registry = createRegistry({
    ...{ database, blobs, access: accessOf(deps), ledgers, receiptKey: deps.receiptKey },
    ...{ organisation, clock: deps.clock, randomBytes, leaseSeconds: config.collectionLeaseSeconds },
  });
  const found = await recoverBlobs({
    ...{ database, blobs, registry, holders, organisation },
    onProgress: (fetched) => {
      if (fetched % 100 === 0) log.info({ fetched }, 'blobs fetched');
    },
  });
  return {
    ...{ organisation, blobs: found, ...lines },
    manifests: { fetched: manifests.fetched, missing: manifests.missing },
    missingPrivateManifests: counted.misses.size,
    problems: [...files.public.problems, ...files.private.problems],
  };
}

const accessOf = ({ database, tokenKey, config, clock, publicUrl }: RecoveryDeps) =>
  createAccess({ database, tokenKey, organisation: config.organisation, clock, publicUrl });

/** Opens the ledgers as a gateway does, which recovers the database from their files. */
async function openThem(
  deps: RecoveryDeps,
  privateBlobs: BlobStore,
): Promise<{ ledgers: Ledgers; close: () => Promise<void> }> {
  const { config, database, tiles, blobs, clock, log, publicUrl } = deps;
  const { organisation, keysDirectory, checkpointIntervalMs } = config;
  // Anew: a ledger that was closed has a successor now.
  const keys = await openLedgerKeys({ organisation, keysDirectory, publicUrl });
  const witnessing = await openWitnessing(
    { config, database, log, clock, publicUrl, fetch, metrics: openMetrics(database).witnesses },
    keys,
  );
  const ledgers = await openLedgers(
    {
      ...{ database, tiles, keysDirectory, clock, checkpointIntervalMs, log, organisation, publicUrl },
      publicationOf: witnessing.publicationOf,
      replayOf: (name) => openReplay(name === 'private' ? privateBlobs : blobs, name),
      onStepOf: () => () => undefined,
    },
    keys,
  );
  return { ledgers, close: () => ledgers.close() };
}

/** Which digests were looked for in vain. */
function countMisses(blobs: BlobStore): { blobs: BlobStore; misses: ReadonlySet<string> } {
  const misses = new Set<string>();
  const read: BlobStore['read'] = async (digest, maxBytes) => {
    try {
      return await blobs.read(digest, maxBytes);
    } catch (error) {
      if (error instanceof BlobStoreError && error.code === 'BLOB_UNKNOWN') misses.add(digest);
      throw error;
    }
  };
  return { blobs: { ...blobs, read }, misses };
}

/** Replays records of files from an index on, for manifests that came only now, or of a ledger that is never opened again; a second time is no harm. */
async function replayFrom(
  { database, blobs }: RecoveryDeps,
  place: LedgerPlace,
  start: bigint,
): Promise<void> {
  const replay = openReplay(blobs, 'public');
  for await (const part of readFileEntries(place)) {
    const due = part.filter(({ index }) => index >= start);
    if (due.length === 0) continue;
    await database.transaction(async (transaction) => {
      for (const { entry } of due) await replay(transaction, parseRecord(entry));
    });
  }
}

/** The public ledger that was closed last, while its successor has not begun: afterwards what its records say is the successor's to say. */
async function findClosed({ config, tiles }: RecoveryDeps): Promise<LedgerPlace | undefined> {
  const { keysDirectory, organisation } = config;
  const { current, closed } = await findLedgerLine(keysDirectory, organisation, 'public');
  const last = closed.at(-1);
  if (last === undefined || (await hasInception(keysDirectory, current))) return undefined;
  const origin = parseOrigin(last.origin);
  return { tiles, origin, name: namesOf(origin).files };
}

/** A successor tells anew what is there. */
async function retell({ config, database, clock, log }: RecoveryDeps, ledgers: Ledgers): Promise<void> {
  const { keysDirectory, organisation } = config;
  const { closed } = await findLedgerLine(keysDirectory, organisation, 'public');
  if (closed.length === 0) return;
  const told = await retellPublic({ database, ledger: ledgers.public, organisation, clock, randomBytes });
  log.warn(told, 'repositories recorded anew in the successor');
}

async function describeLedgers(ledgers: Ledgers, files: FilesRecovered): Promise<LedgerReport[]> {
  const described: LedgerReport[] = [];
  for (const name of ['public', 'private'] as const) {
    const ledger = ledgers[name];
    const { origin, size, taken, from, signedSize } = files[name];
    const isClosed = ledger.origin !== origin;
    const { frozen } = await ledger.status();
    described.push({
      ...{ origin, size, taken, from, signedSize },
      lost: signedSize > size ? signedSize - size : 0n,
      ...(isClosed && { successor: ledger.origin }),
      ...(await lastRecordTime(files[name], name)),
      ...(frozen !== undefined && { frozen }),
    });
  }
  return described;
}

async function lastRecordTime(
  files: FilesRecovered['public'],
  name: 'public' | 'private',
): Promise<{ readonly lastRecordAt?: string }> {
  if (name === 'private') return {};
  let last: Uint8Array | undefined;
  for await (const part of readFileEntries(files)) last = part.at(-1)?.entry;
  return last === undefined ? {} : { lastRecordAt: parseRecord(last).time };
}

async function checkReceipts(
  { receiptKey }: RecoveryDeps,
  ledgers: Ledgers,
  receipts: readonly string[],
): Promise<NonNullable<RecoveryReport['receipts']>> {
  const lost: LostReceipt[] = [];
  const key = createPublicKey(receiptKey);
  for (const text of receipts) {
    const { recordId, repository, digest } = await openReceipt(text, key);
    const found = await Promise.all(ledgers.all.map((ledger) => ledger.findEntry(recordId)));
    if (found.every((entry) => entry === undefined)) lost.push({ recordId, repository, digest });
  }
  return { checked: receipts.length, lost };
}

async function openReceipt(text: string, key: Parameters<typeof verifyReceipt>[1]) {
  try {
    return await verifyReceipt(text, key);
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    throw cannotRecover(`A line of the receipts is no receipt of ours: ${error.message}`);
  }
}
