import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { buildImage, startGateway, type TestGateway } from '@dockchains/testing';
import { afterEach, expect, test } from 'vitest';

import { beginUpload, openSession, putManifest, randomBlob } from '../registry-http.ts';
import { ask } from '../graphql/session.ts';
import { type Collector, startCollector } from './collector.ts';

const APPS = join(import.meta.dirname, '../../apps/gateway');
const REPOSITORY = 'public/quetzalcoatl/tlaloc';
const TAG = 'xochiquetzal';

let collector: Collector;
let gateway: TestGateway | undefined;

afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
  await collector.close();
});

const startTraced = (env: Record<string, string> = {}): Promise<TestGateway> =>
  startGateway({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '50', ...env },
  });

/** Uses the gateway in ways that pass and fail; gives every text and byte string of it that no trace may hold. */
async function use(used: TestGateway, traceparent: string): Promise<readonly (string | Buffer)[]> {
  const session = await openSession(used, REPOSITORY);
  const image = buildImage();
  const { bytes, digest } = randomBlob(100_000);
  const path = await beginUpload(session);
  await session.call(path, { method: 'PATCH', body: bytes });
  await session.call(`${path}?digest=${digest}`, { method: 'PUT' });
  for (const blob of image.blobs) {
    await session.call(`/blobs/uploads/?digest=${blob.descriptor.digest}`, {
      method: 'POST',
      body: blob.bytes,
    });
  }
  expect((await putManifest(session, TAG, image)).status).toBe(201);
  const headers = { traceparent, tracestate: 'vendor=mictlantecuhtli', 'user-agent': 'coatlicue/1.0' };
  expect((await session.call(`/manifests/${TAG}`, { headers })).status).toBe(200);
  expect((await session.call(`/blobs/${digest}`)).status).toBe(200);
  expect((await session.call('/manifests/huitzilopochtli')).status).toBe(404);
  expect((await session.call('/no-such-thing/ehecatl')).status).toBe(404);
  await session.call('/v2/private/chalchiuhtlicue/tags/list');
  await ask(used, '{ repositories { nodes { name } } } # centeotl');
  const digests = [
    digest,
    image.descriptor.digest,
    ...image.blobs.map(({ descriptor }) => descriptor.digest),
  ];
  const hex = digests.map((one) => one.slice(one.indexOf(':') + 1));
  return [
    ...[
      'quetzalcoatl',
      'tlaloc',
      TAG,
      'huitzilopochtli',
      'ehecatl',
      'chalchiuhtlicue',
      'centeotl',
      'coatlicue',
    ],
    ...['mictlantecuhtli', used.publisher.username, used.publisher.password, used.dataDir, used.databaseUrl],
    ...[path.slice(path.lastIndexOf('/') + 1), '127.0.0.1', 'eyJ'],
    ...hex,
    ...hex.map((one) => Buffer.from(one, 'hex')),
    bytes.subarray(0, 16),
  ];
}

test('traces tell routes, statements, store operations and steps of the ledger, and nothing of what was asked', async () => {
  collector = await startCollector();
  gateway = await startTraced();
  const traceId = randomBytes(16).toString('hex');
  const secrets = await use(gateway, `00-${traceId}-${randomBytes(8).toString('hex')}-01`);
  await gateway.stop();

  const sent = collector.bytes();
  expect([...collector.paths]).toEqual(['/v1/traces']);
  const wanted = [
    'PUT /v2 manifest',
    'GET /v2 blob',
    'GET /token',
    'registry_',
    'blobs appendUpload',
    'ledger publish',
  ];
  expect(wanted.filter((name) => !sent.includes(name))).toEqual([]);
  expect(sent.includes(Buffer.from(traceId, 'hex'))).toBe(true);
  expect(secrets.filter((secret) => sent.includes(secret))).toEqual([]);
});

test('the standard variables are followed', async () => {
  collector = await startCollector();
  gateway = await startTraced({
    OTEL_SERVICE_NAME: 'registry-of-ours',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging',
  });
  await fetch(`${gateway.url}/healthz`);
  await gateway.stop();
  const sent = collector.bytes();
  expect(sent.includes('registry-of-ours')).toBe(true);
  expect(sent.includes('deployment.environment.name')).toBe(true);
});

test.each([
  { name: 'is switched off', env: { OTEL_SDK_DISABLED: 'true' } },
  { name: 'has no exporter', env: { OTEL_TRACES_EXPORTER: 'none' } },
  { name: 'samples nothing', env: { OTEL_TRACES_SAMPLER: 'always_off' } },
])('nothing is sent where tracing $name', async ({ env }) => {
  collector = await startCollector();
  gateway = await startTraced(env);
  await fetch(`${gateway.url}/healthz`);
  await gateway.stop();
  expect(collector.bytes()).toHaveLength(0);
});

test.each<{ name: string; answer: number | 'never' }>([
  { name: 'refuses everything', answer: 500 },
  { name: 'never answers', answer: 'never' },
])('a collector that $name is no harm to requests, and none to the end', async ({ answer }) => {
  collector = await startCollector(answer);
  gateway = await startTraced({ OTEL_EXPORTER_OTLP_TIMEOUT: '200', OTEL_BSP_EXPORT_TIMEOUT: '200' });
  await use(gateway, 'not a traceparent');
  await expect.poll(() => collector.bytes().length).toBeGreaterThan(0);
  await use(gateway, '');
  const began = performance.now();
  await gateway.stop();
  expect(gateway.process.exitCode).toBe(0);
  expect(performance.now() - began).toBeLessThan(15_000);
  expect(gateway.logs()).not.toContain(collector.url);
});

test('OpenTelemetry is loaded by one file, and that file when traces are asked for', () => {
  collector = { url: '', bytes: () => Buffer.alloc(0), paths: new Set(), close: () => Promise.resolve() };
  const sources = readdirSync(APPS, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
    .map((file) => ({ file, text: readFileSync(join(APPS, file), 'utf8') }));
  expect(sources.filter(({ text }) => text.includes("'@opentelemetry/")).map(({ file }) => file)).toEqual([
    'tracing/otlp.ts',
  ]);
  const importers = sources.filter(({ text }) => text.includes("/otlp.ts'"));
  expect(importers.map(({ file }) => file)).toEqual(['tracing/tracing.ts']);
  expect(importers[0]?.text).toContain("await import('./otlp.ts')");
});
