import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { openFileTileStore } from '@dockchains/blobs';
import { type Database, migrate, openDatabase } from '@dockchains/database';
import { type Ledger, openLedger } from '@dockchains/ledger';
import { openKey } from '@dockchains/keys';
import { parseDigest } from '@dockchains/oci';
import { encodeRecord, parseRecordId } from '@dockchains/records';
import { createDatabaseOn } from '@dockchains/testing';
import { createNoteSigner, parseOrigin } from '@dockchains/tlog';

import { startPostgres } from '../infra/postgres.mjs';
import type { Reading } from './reading.ts';

const ORIGIN = parseOrigin('bench.example/ledger/public');
const CHECKPOINT_INTERVAL_MS = 200;
const MIN_PER_SECOND = 10_000;
const WRITERS = 4;
const RECORDS_PER_WRITE = 250;
// Enough for the largest batch to be there whenever the sequencer looks, and a bound on the disk.
const BACKLOG = 20_000;
const RECORD_ID = '0'.repeat(32);

const ENQUEUE = {
  name: 'bench-enqueue',
  text: `INSERT INTO ledger_queue (ledger_id, record_id, entry)
         SELECT l.id, r.record_id, r.entry FROM ledger l, unnest($2::text[], $3::bytea[]) AS r (record_id, entry)
         WHERE l.origin = $1`,
};

/** Keeps a ledger's queue filled for so long and counts what is published meanwhile, each step as durable as in a gateway. */
export async function measureSequencing(seconds: number): Promise<readonly Reading[]> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-sequencing-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), life: 'temporary' });
  cleanup.defer(() => postgres.stop());
  const { url } = await createDatabaseOn(postgres.url('postgres'));
  await migrate(url);
  const database = openDatabase(url);
  cleanup.defer(() => database.close());

  const published: number[] = [];
  const queue: Queue = { written: 0, sequenced: 0 };
  const keysDirectory = join(folder, 'keys');
  const ledger = await openLedger({
    database,
    tiles: await openFileTileStore(folder),
    keysDirectory,
    origin: ORIGIN,
    signer: createNoteSigner({
      name: ORIGIN,
      privateKey: await openKey(keysDirectory, 'log-public', { mayCreate: true }),
    }),
    clock: () => new Date(),
    checkpointIntervalMs: CHECKPOINT_INTERVAL_MS,
    replay: () => Promise.resolve(),
    onStep: (step, { end }) => {
      if (step === 'sequenced') queue.sequenced = Number(end);
      if (step === 'published') published.push(performance.now());
    },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  cleanup.defer(() => ledger.close());

  const begun = performance.now();
  const ending = new AbortController();
  const writing = Array.from({ length: WRITERS }, () =>
    write(database, { ledger, queue, ended: ending.signal }),
  );
  await Promise.race([delay(seconds * 1000), ...writing]);
  const size = await ledger.publishedSize();
  const elapsed = (performance.now() - begun) / 1000;
  ending.abort();
  await Promise.all(writing);
  const times = [begun, ...published];
  const gaps = published.map((at, position) => at - (times[position] ?? at));
  return [
    {
      figure: `records from the queue to a checkpoint, for ${seconds} s`,
      unit: 'records/s',
      ours: Number(size) / elapsed,
      bound: { atLeast: MIN_PER_SECOND },
    },
    {
      figure: 'longest time between checkpoints of full batches',
      unit: 'ms',
      ours: Math.max(...gaps),
      bound: undefined,
    },
  ];
}

interface Queue {
  written: number;
  sequenced: number;
}

async function write(
  database: Database,
  { ledger, queue, ended }: { ledger: Ledger; queue: Queue; ended: AbortSignal },
): Promise<void> {
  while (!ended.aborted) {
    if (queue.written - queue.sequenced > BACKLOG) {
      await delay(10);
      continue;
    }
    queue.written += RECORDS_PER_WRITE;
    const recordIds = Array.from({ length: RECORDS_PER_WRITE }, () => randomBytes(16).toString('hex'));
    const entries = recordIds.map((recordId) => Buffer.from(TEMPLATE.replaceAll(RECORD_ID, recordId)));
    await database.query(ENQUEUE, [ORIGIN, recordIds, entries]);
    ledger.wake();
  }
}

const TEMPLATE = Buffer.from(
  encodeRecord({
    kind: 'tag-set',
    organisation: 'bench.example',
    repository: 'public/bench',
    recordId: parseRecordId(RECORD_ID),
    digest: parseDigest(`sha256:${'ab'.repeat(32)}`),
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    size: 512,
    tag: 'latest',
    time: '2026-01-02T03:04:05.678Z',
  }),
).toString('utf8');
