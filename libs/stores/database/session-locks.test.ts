import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

import { createTestDatabase } from '@dockchains/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { type Database, openDatabase } from './database.ts';

const KEY = 4711n;

let dropDatabase: () => Promise<void>;
let url: string;
let database: Database;

beforeEach(async () => {
  const fresh = await createTestDatabase();
  url = fresh.url;
  dropDatabase = () => fresh.drop();
  database = openDatabase(url);
});

afterEach(async () => {
  await database.close();
  await dropDatabase();
});

interface Relay {
  readonly port: number;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly close: () => void;
}

/** Relays connections to the server at `url` until it is paused: then nothing passes, and nothing closes. */
async function relayTo(target: URL): Promise<Relay> {
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.push(socket);
      socket.on('error', () => undefined);
    }
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    pause: () => {
      for (const socket of sockets) {
        socket.cork();
        socket.pause();
      }
    },
    resume: () => {
      for (const socket of sockets) {
        socket.uncork();
        socket.resume();
      }
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test('a lock is one holder’s until it is released', async () => {
  const other = openDatabase(url);
  try {
    const lock = await database.tryLock(KEY);
    expect(lock).toBeDefined();
    expect(await other.tryLock(KEY)).toBeUndefined();
    expect(await database.tryLock(KEY)).toBeUndefined();
    await lock?.release();
    expect(await other.tryLock(KEY)).toBeDefined();
  } finally {
    await other.close();
  }
});

test('a process that says nothing for 3 seconds loses its locks, and hears of it', async () => {
  const relay = await relayTo(new URL(url));
  const behind = new URL(url);
  behind.host = `127.0.0.1:${relay.port}`;
  const silent = openDatabase(behind.href);
  try {
    const lock = await silent.tryLock(KEY);
    expect(lock?.lost.aborted).toBe(false);
    relay.pause();
    await expect.poll(() => database.tryLock(KEY)).toBeDefined();
    await expect.poll(() => lock?.lost.aborted).toBe(true);
    relay.resume();
  } finally {
    relay.close();
    await silent.close();
  }
});

test('a lock that is held for longer stays with a process that runs', async () => {
  const lock = await database.tryLock(KEY);
  const other = openDatabase(url);
  const began = performance.now();
  try {
    await expect
      .poll(
        async () => {
          expect(await other.tryLock(KEY)).toBeUndefined();
          return performance.now() - began;
        },
        { interval: 100 },
      )
      .toBeGreaterThan(4_000);
    expect(lock?.lost.aborted).toBe(false);
  } finally {
    await other.close();
  }
});
