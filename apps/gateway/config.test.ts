import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { ConfigError, readConfig } from './config.ts';

const GOOD = {
  DOCKCHAINS_ORGANISATION: 'acme.example',
  DOCKCHAINS_DATABASE_URL: 'postgresql://acme:secret@127.0.0.1/acme',
  DOCKCHAINS_BLOBS: '/srv/blobs',
  DOCKCHAINS_KEYS_DIR: '/srv/keys',
};

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-'));
});
afterAll(() => rm(folder, { recursive: true }));

const problemsOf = async (environment: Record<string, string | undefined>): Promise<readonly string[]> => {
  const error: unknown = await readConfig(environment).catch((caught: unknown) => caught);
  if (error instanceof ConfigError) return error.problems;
  throw new Error('the configuration was accepted', { cause: error });
};

test('reads what is set and fills in what is not', async () => {
  expect(await readConfig({ ...GOOD, HOME: '/root', DOCKCHAINS_TRUSTED_PROXIES: '10.0.0.0/8, ::1' })).toEqual(
    {
      organisation: 'acme.example',
      listen: { host: '127.0.0.1', port: 5000 },
      publicUrl: undefined,
      databaseUrl: GOOD.DOCKCHAINS_DATABASE_URL,
      blobs: '/srv/blobs',
      tiles: '/srv/blobs',
      keysDirectory: '/srv/keys',
      natsUrl: undefined,
      insecure: false,
      trustedProxies: ['10.0.0.0/8', '::1'],
      checkpointIntervalMs: 200,
      acknowledge: 'local',
      collectionLeaseSeconds: 3600,
      stopSeconds: 29,
      rateLimits: {
        address: { perMinute: 600_000 },
        account: { perMinute: 600_000 },
        graphql: { perMinute: 30_000 },
        token: { perMinute: 30_000 },
        failedSignIns: { perMinute: 60 },
      },
      logLevel: 'info',
      tracing: undefined,
    },
  );
});

test('lists every mistake at once', async () => {
  const problems = await problemsOf({
    DOCKCHAINS_ORGANISATION: 'Not A Name',
    DOCKCHAINS_LISTEN: '5000',
    DOCKCHAINS_CHECKPOINT_INTERVAL_MS: '-1',
    DOCKCHAINS_COLLECTION_LEASE_SECONDS: '0',
    DOCKCHAINS_STOP_SECONDS: '0',
    DOCKCHAINS_BLOB: '/srv/blobs',
    DOCKCHAINS_DATABASE_URL_FILE: join(folder, 'absent'),
    DOCKCHAINS_KEYS_DIR: '/srv/keys',
  });
  for (const name of [
    'ORGANISATION',
    'LISTEN',
    'CHECKPOINT_INTERVAL_MS',
    'COLLECTION_LEASE_SECONDS',
    'STOP_SECONDS',
    'BLOB',
    'DATABASE_URL_FILE',
    'BLOBS',
  ]) {
    expect(problems.filter((problem) => problem.startsWith(`DOCKCHAINS_${name} `))).toHaveLength(1);
  }
  expect(problems).toHaveLength(8);
});

test.each(['10.0.0.0/33', '10.0.0', 'proxy', '::1/129', '10.0.0.1/8/8'])(
  'takes no network %s',
  async (network) => {
    expect(await problemsOf({ ...GOOD, DOCKCHAINS_TRUSTED_PROXIES: network })).toHaveLength(1);
  },
);

test('never repeats a value, which may be a secret', async () => {
  const problems = await problemsOf({ ...GOOD, DOCKCHAINS_DATABASE_URL: 'mysql://root:hunter2@db' });
  expect(problems).toHaveLength(1);
  expect(problems.join()).not.toContain('hunter2');
});

test('takes a secret from the file that _FILE names, but not from both', async () => {
  const path = join(folder, 'database-url');
  await writeFile(path, `${GOOD.DOCKCHAINS_DATABASE_URL}\n`);
  const fromFile = { ...GOOD, DOCKCHAINS_DATABASE_URL: undefined, DOCKCHAINS_DATABASE_URL_FILE: path };
  expect((await readConfig(fromFile)).databaseUrl).toBe(GOOD.DOCKCHAINS_DATABASE_URL);
  expect(await problemsOf({ ...GOOD, DOCKCHAINS_DATABASE_URL_FILE: path })).toHaveLength(1);
});

test.each([
  { url: 'nats://127.0.0.1:4222', insecure: undefined, accepted: true },
  { url: 'nats://nats.acme.example:4222', insecure: undefined, accepted: false },
  { url: 'tls://nats.acme.example:4222', insecure: undefined, accepted: true },
  { url: 'nats://nats.acme.example:4222', insecure: '1', accepted: true },
  { url: 'http://127.0.0.1:4222', insecure: '1', accepted: false },
])('with NATS at $url, insecure $insecure: accepted $accepted', async ({ url, insecure, accepted }) => {
  const environment = { ...GOOD, DOCKCHAINS_NATS_URL: url, DOCKCHAINS_INSECURE: insecure };
  const outcome = await readConfig(environment).then(
    ({ natsUrl }) => natsUrl,
    () => undefined,
  );
  expect(outcome).toBe(accepted ? url : undefined);
});

test.each([
  { listen: '0.0.0.0:5000', url: undefined, insecure: undefined, accepted: false },
  { listen: '0.0.0.0:5000', url: 'http://127.0.0.1:5000', insecure: undefined, accepted: false },
  { listen: '127.0.0.1:5000', url: 'http://registry.acme.example', insecure: undefined, accepted: false },
  { listen: '0.0.0.0:5000', url: 'https://registry.acme.example', insecure: undefined, accepted: true },
  { listen: '0.0.0.0:5000', url: 'http://registry.acme.example', insecure: '1', accepted: true },
  { listen: '[::1]:5000', url: 'http://localhost:5000', insecure: '0', accepted: true },
])('without TLS, listening on $listen as $url, insecure $insecure: accepted $accepted', async (row) => {
  const environment = {
    ...GOOD,
    DOCKCHAINS_LISTEN: row.listen,
    DOCKCHAINS_PUBLIC_URL: row.url,
    DOCKCHAINS_INSECURE: row.insecure,
  };
  const accepted = await readConfig(environment).then(
    () => true,
    () => false,
  );
  expect(accepted).toBe(row.accepted);
});
