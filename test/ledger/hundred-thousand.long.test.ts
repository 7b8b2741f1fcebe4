import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { openFileTileStore } from '@dockchains/blobs';
import { openDatabase, type Database } from '@dockchains/database';
import { openKey } from '@dockchains/keys';
import { openLedger, type Ledger } from '@dockchains/ledger';
import { digestOf } from '@dockchains/oci';
import { parseRecordId, type LedgerRecord } from '@dockchains/records';
import { buildImage, startGateway, type TestGateway } from '@dockchains/testing';
import { createNoteSigner, parseOrigin } from '@dockchains/tlog';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { awaitPublished } from '../faults/verify.ts';
import { peakOf, runAudit, type AuditRun } from './audit-process.ts';

const ORIGIN = parseOrigin('acme.example/ledger/public');
const PUSHES = 2_500; // by tag, of manifests that are new: two records each
const SMALL = 10_000;
const LARGE = 100_000;
const PER_TRANSACTION = 500;

let gateway: TestGateway;
let database: Database;
let ledger: Ledger;
let policyFile: string;
let grown: Awaited<ReturnType<typeof grow>>;

beforeAll(async () => {
  gateway = await startGateway();
  policyFile = join(gateway.dataDir, 'keys/trust.policy');
  database = openDatabase(gateway.databaseUrl);
  // A second gateway of the organisation, as far as its ledger goes: it appends, the first one sequences.
  const keysDirectory = join(gateway.dataDir, 'keys');
  ledger = await openLedger({
    database,
    tiles: await openFileTileStore(join(gateway.dataDir, 'blobs')),
    keysDirectory,
    origin: ORIGIN,
    signer: createNoteSigner({ name: ORIGIN, privateKey: await openKey(keysDirectory, 'log-public') }),
    clock: () => new Date(),
    checkpointIntervalMs: 200,
    replay: () => Promise.resolve(),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  grown = await grow();
}, 600_000);

afterAll(async () => {
  await ledger.close();
  await database.close();
  await gateway.close();
});

/** Pushes distinct manifests of one image's blobs through `/v2/`. */
const push = async (count: number): Promise<void> => {
  const token = await gateway.token(gateway.publisher, 'repository:public/many:pull,push');
  const headers = { authorization: `Bearer ${token}` };
  const image = buildImage();
  for (const { descriptor, bytes } of image.blobs) {
    await expectCreated(`/v2/public/many/blobs/uploads/?digest=${descriptor.digest}`, 'POST', bytes, {
      ...headers,
      'content-type': 'application/octet-stream',
    });
  }
  const template = JSON.parse(image.bytes.toString()) as object;
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let number = next++; number < count; number = next++) {
      const bytes = Buffer.from(JSON.stringify({ ...template, annotations: { number: String(number) } }));
      await expectCreated(`/v2/public/many/manifests/t${number}`, 'PUT', bytes, {
        ...headers,
        'content-type': image.descriptor.mediaType,
      });
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
};

const expectCreated = async (
  path: string,
  method: string,
  body: Buffer,
  headers: Record<string, string>,
): Promise<void> => {
  const answer = await fetch(gateway.url + path, { method, body: new Uint8Array(body), headers });
  await answer.arrayBuffer();
  expect(answer.status).toBe(201);
};

const record = (number: number): LedgerRecord => ({
  kind: 'tag-set',
  organisation: 'acme.example',
  repository: 'public/appended',
  recordId: parseRecordId(randomBytes(16).toString('hex')),
  digest: digestOf(Buffer.from(String(number))),
  principal: '00'.repeat(16),
  time: new Date().toISOString(),
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  size: 1000,
  tag: `t${number}`,
});

/** Appends up to a size through the path that pushes take, and gives the seconds a record took to be published. */
const growTo = async (size: number): Promise<number> => {
  const begun = performance.now();
  const from = Number((await ledger.status()).size);
  for (let number = from; number < size; number += PER_TRANSACTION) {
    const records = Array.from({ length: Math.min(PER_TRANSACTION, size - number) }, (_, n) =>
      record(number + n),
    );
    const prepared = await ledger.prepare({ name: 'public/appended' }, records);
    await database.transaction((transaction) => ledger.append(transaction, prepared));
  }
  await awaitPublished(gateway.databaseUrl);
  return (performance.now() - begun) / 1000 / (size - from);
};

/** Fills the ledger, first through `/v2/`, and measures on the way. `early` and `late` are seconds a record. */
const grow = async () => {
  await push(PUSHES);
  await awaitPublished(gateway.databaseUrl);
  expect((await ledger.status()).size).toBe(BigInt(2 * PUSHES));
  const early = await growTo(SMALL);
  const small = await audit();
  await growTo(LARGE - SMALL);
  const gatewayBefore = peakOf(gateway.pid);
  const late = await growTo(LARGE);
  return { early, late, small, large: await audit(), gatewayBefore, gatewayAfter: peakOf(gateway.pid) };
};

const audit = async (): Promise<AuditRun> => {
  const run = await runAudit(`${gateway.url}/log/public`, policyFile);
  expect(run.exitCode, run.errors + run.output).toBe(0);
  return run;
};

test('a ledger of 100,000 records is audited in flat memory, and costs a record no more than one of 10,000', async ({
  annotate,
}) => {
  const { early, late, small, large, gatewayBefore, gatewayAfter } = grown;
  await annotate(
    `append to published: ${micros(early)} a record up to 10,000, ${micros(late)} a record up to 100,000; ` +
      `audit: ${small.seconds.toFixed(2)} s and ${mebibytes(small.peakBytes)} of 10,000, ` +
      `${large.seconds.toFixed(2)} s and ${mebibytes(large.peakBytes)} of 100,000; ` +
      `gateway at most ${mebibytes(gatewayBefore)} before and ${mebibytes(gatewayAfter)} after the last 10,000`,
  );
  expect(JSON.parse(large.output)).toMatchObject({ good: true, size: String(LARGE), audited: String(LARGE) });
  // The bounds leave room for noise: what they must catch is growth with the size of the log, a factor of ten here.
  expect(late).toBeLessThan(early * 2);
  expect(large.seconds / LARGE).toBeLessThan((small.seconds / SMALL) * 1.5);
  expect(large.peakBytes).toBeLessThan(small.peakBytes * 1.3);
  expect(gatewayAfter).toBeLessThan(gatewayBefore * 1.2);
});

test.each(['tile/0/123', 'tile/1/000', 'tile/entries/300', 'tile/0/000', 'tile/entries/000'])(
  'one bit changed in %s is found, and the audit names it',
  async (tile) => {
    const file = join(gateway.dataDir, 'blobs/tiles/log/public', tile);
    const before = await readFile(file);
    const changed = Buffer.from(before);
    const at = Math.floor(changed.length / 2);
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    await writeFile(file, changed);
    try {
      await gateway.stop(); // its cache still holds the tile as it was
      await gateway.restart();
      const run = await runAudit(`${gateway.url}/log/public`, policyFile);
      expect(run.exitCode).toBe(1);
      expect(run.output).toContain(tile);
    } finally {
      await writeFile(file, before);
    }
  },
);

const micros = (seconds: number): string => `${(seconds * 1e6).toFixed(0)} µs`;
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
