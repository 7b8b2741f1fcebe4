import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createTestDatabase } from '@dockchains/testing';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { readConfig } from '../../apps/gateway/config.ts';
import { openServer } from '../../apps/gateway/server.ts';
import { openServices } from '../../apps/gateway/services.ts';
import { openWorld, PRINCIPALS, REPOSITORIES, type World } from './matrix/world.ts';

/** Routes that answer everybody alike, whatever comes as a token. */
const OPEN: Readonly<Record<string, string>> = {
  'GET /healthz': '/healthz',
  'GET /readyz': '/readyz',
  'GET /metrics': '/metrics',
  'GET /.well-known/dockchains/organisation.json': '/.well-known/dockchains/organisation.json',
  'GET /.well-known/dockchains/organisation/:number': '/.well-known/dockchains/organisation/1.json',
  'GET /.well-known/dockchains/peers.json': '/.well-known/dockchains/peers.json',
  'GET /federation/equivocations/:hash': `/federation/equivocations/${'0'.repeat(64)}`,
  'GET /federation/unexplained/:hash': `/federation/unexplained/${'0'.repeat(64)}`,
  'GET /log/:name/consistency/:older/:newer': `/log/private/consistency/1-${'0'.repeat(64)}/2-${'0'.repeat(64)}`,
  'GET /federation/nats/:organisation': '/federation/nats/globex.example',
  'GET /witness/:hash/checkpoint': `/witness/${'0'.repeat(64)}/checkpoint`,
  'GET /graphql': '/graphql',
  'GET /graphql/explorer/:name': '/graphql/explorer/nothing',
};
/**
 * Routes that the other matrices are about: `*` is `/log/<ledger>/…`, and `/mirror/…`, which holds what is public elsewhere alone.
 * Cosignatures, and what a witness is asked for, speak for themselves (test/federation/replication.test.ts, witness.test.ts).
 */
const ELSEWHERE: readonly string[] = [
  ...['GET *', 'GET /token', 'POST /token', 'POST /graphql'],
  ...['POST /federation/cosigned', 'POST /witness/add-checkpoint'],
];

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

test('there is a row for each route outside of /v2/', async () => {
  const routes = (await listRoutes()).filter((route) => !/^\w+ \/v2(?:\W|$)/.test(route));
  expect(routes.length).toBeGreaterThan(5);
  expect(routes.filter((route) => OPEN[route] === undefined && !ELSEWHERE.includes(route))).toEqual([]);
});

describe.each(Object.entries(OPEN))('%s', (_, path) => {
  test('answers everybody alike', async () => {
    const nobody = await world.ask('GET', path);
    for (const principal of PRINCIPALS) {
      const token = await world.tokenOf(principal, REPOSITORIES.hidden);
      const { status, body } = await world.ask('GET', path, { token });
      expect({ principal, status }).toEqual({ principal, status: nobody.status });
      expect(body).not.toContain(REPOSITORIES.hidden);
    }
  });
});

/** The routes that the server has, as Fastify prints them: `<method> <path>`. */
async function listRoutes(): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-routes-'));
  const database = await createTestDatabase();
  const config = await readConfig({
    DOCKCHAINS_ORGANISATION: 'acme.example',
    DOCKCHAINS_DATABASE_URL: database.url,
    DOCKCHAINS_BLOBS: join(folder, 'blobs'),
    DOCKCHAINS_KEYS_DIR: join(folder, 'keys'),
  });
  const services = await openServices(config, {
    log: pino({ level: 'silent' }),
    publicUrl: 'http://127.0.0.1:1',
    tracing: undefined,
  });
  const server = await openServer(createServer(), services);
  try {
    return readTree(server.printRoutes({ commonPrefix: false }));
  } finally {
    await server.close();
    await services.close();
    await database.drop();
    await rm(folder, { recursive: true });
  }
}

function readTree(text: string): readonly string[] {
  const path: string[] = [];
  return text.split('\n').flatMap((line) => {
    const [, indent = '', segment = '', methods = ''] =
      /^([│ ]*)[├└]── (\S+) \(([A-Z, ]+)\)$/.exec(line) ?? [];
    if (segment === '') return [];
    path.splice(indent.length / 4, Infinity, segment);
    return methods.split(', ').map((method) => `${method} ${path.join('')}`);
  });
}
