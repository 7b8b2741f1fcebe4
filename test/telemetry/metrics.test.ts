import { buildImage, startGateway, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { awaitPublished } from '../faults/verify.ts';
import { beginUpload, openSession, putManifest, pushBlobs, randomBlob } from '../registry-http.ts';

const REPOSITORY = 'public/quetzalcoatl/tlaloc';
const BYTES = 100_000;

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway();
  const session = await openSession(gateway, REPOSITORY);
  const { bytes, digest } = randomBlob(BYTES);
  const path = await beginUpload(session);
  await session.call(path, { method: 'PATCH', body: bytes });
  await session.call(`${path}?digest=${digest}`, { method: 'PUT' });
  const range = { headers: { range: 'bytes=0-999' } };
  expect((await session.call(`/blobs/${digest}`, range)).status).toBe(206);
  expect((await session.call(`/blobs/${digest}`)).status).toBe(200);
  const image = buildImage();
  await pushBlobs(session, image);
  expect((await putManifest(session, 'xochiquetzal', image)).status).toBe(201);
  await session.call('/manifests/huitzilopochtli');
  await awaitPublished(gateway.databaseUrl);
});

afterAll(() => gateway.close());

const read = async (): Promise<string> => (await fetch(`${gateway.url}/metrics`)).text();

async function valueOf(series: string): Promise<number | undefined> {
  const line = (await read()).split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

test('bytes that uploads take in and that blobs send are counted', async () => {
  expect(await valueOf('dockchains_upload_received_bytes_total')).toBeGreaterThanOrEqual(BYTES);
  expect(await valueOf('dockchains_blob_sent_bytes_total')).toBe(BYTES + 1_000);
});

test('the pool of the database is shown', async () => {
  expect(await valueOf('dockchains_database_connections{state="idle"}')).toBeGreaterThan(0);
  expect(await valueOf('dockchains_database_waiting_queries')).toBe(0);
});

test('the ledgers are shown, and who leads them', async () => {
  expect(await valueOf('dockchains_ledger_published_entries{ledger="public"}')).toBe(2);
  expect(await valueOf('dockchains_ledger_leading{ledger="public"}')).toBe(1);
  for (const step of ['staged', 'signed', 'published']) {
    const series = `dockchains_ledger_step_seconds_count{ledger="public",step="${step}"}`;
    expect(await valueOf(series)).toBeGreaterThan(0);
  }
});

test('how far the catalog is behind each ledger is shown, and what was given up on', async () => {
  await expect
    .poll(() => valueOf('dockchains_catalog_lag_entries{origin="acme.example/ledger/public"}'))
    .toBe(0);
  expect(await valueOf('dockchains_dead_letters')).toBe(0);
});

test.each(['integration', 'publication'])('the latency of %s is measured from the queue on', async (what) => {
  const series = (part: string): string => `dockchains_ledger_${what}_seconds_${part}{ledger="public"}`;
  expect(await valueOf(series('count'))).toBeGreaterThan(0);
  expect(await valueOf(series('sum'))).toBeGreaterThan(0);
});

test('names are by convention, and help stands beside each', async () => {
  const lines = (await read()).split('\n');
  const types = lines.flatMap((line) => /^# TYPE (dockchains_\S+) (\S+)$/.exec(line)?.slice(1) ?? []);
  for (let index = 0; index < types.length; index += 2) {
    const [name = '', type = ''] = types.slice(index, index + 2);
    expect(lines.some((line) => line.startsWith(`# HELP ${name} `))).toBe(true);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    if (type === 'histogram') expect(name).toMatch(/_seconds$/);
  }
  expect(types.length).toBeGreaterThan(20);
});

test('labels are names of the program alone', async () => {
  const text = await read();
  const shown = new Set(
    [...text.matchAll(/^dockchains_[^{]*\{([^}]*)\}/gm)].flatMap(([, labels = '']) => labels.split(',')),
  );
  const names = new Set([...shown].map((label) => label.slice(0, label.indexOf('='))));
  expect([...names].toSorted()).toEqual(
    ['ledger', 'le', 'method', 'origin', 'route', 'state', 'status', 'step'].toSorted(),
  );
  for (const secret of ['quetzalcoatl', 'tlaloc', 'xochiquetzal', 'huitzilopochtli', 'publisher', 'sha256']) {
    expect(text).not.toContain(secret);
  }
});
