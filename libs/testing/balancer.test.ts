import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { type Balancer, balanceConnections, balanceRequests } from './balancer.ts';

let servers: Server[];
let addresses: string[];
let balancer: Balancer;

beforeEach(async () => {
  servers = ['a', 'b'].map((name) =>
    createServer((incoming, outgoing) => {
      incoming.resume().once('end', () => outgoing.end(name));
    }),
  );
  addresses = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    addresses.push(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  }
});

afterEach(async () => {
  await balancer.close();
  for (const server of servers) server.close();
});

const ask = async (close: boolean): Promise<string> => {
  const headers: Record<string, string> = close ? { connection: 'close' } : {};
  const answer = await fetch(balancer.url, { method: 'PUT', body: 'body', headers });
  return answer.text();
};

test('each request goes to the next backend, also on one connection', async () => {
  balancer = await balanceRequests(addresses);
  expect([await ask(false), await ask(false), await ask(false)]).toEqual(['a', 'b', 'a']);
});

test('each connection goes to the next backend', async () => {
  balancer = await balanceConnections(addresses);
  expect([await ask(true), await ask(true), await ask(true)]).toEqual(['a', 'b', 'a']);
});

test.each([balanceConnections, balanceRequests])(
  'a backend that is down is passed over (%o)',
  async (balance) => {
    balancer = await balance(addresses);
    servers[0]?.close();
    expect([await ask(true), await ask(true)]).toEqual(['b', 'b']);
  },
);

test('where every backend is down, a request is answered 502', async () => {
  balancer = await balanceRequests(addresses);
  for (const server of servers) server.close();
  expect((await fetch(balancer.url)).status).toBe(502);
});

test('an answer can be lost though the request was done', async () => {
  let done = 0;
  servers[0]?.on('request', () => (done += 1));
  balancer = await balanceRequests(addresses, { lose: ({ method }) => method === 'PUT' });
  await expect(ask(true)).rejects.toThrow();
  expect(done).toBe(1);
});
