import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

import {
  createDatabaseOn,
  freezeProcesses,
  killProcesses,
  startGateway,
  startPrivatePostgres,
} from '@dockchains/testing';
import { expect, test } from 'vitest';

import { UNFINISHED } from '../../apps/gateway/stop.ts';
import { pushImage } from './pusher.ts';
import { awaitPublished, verifyPushes } from './verify.ts';

const STOP_SECONDS = 2;

test('a gateway whose PostgreSQL hangs stops in its time, says what it waited for, and has lost nothing', async () => {
  await using cleanup = new AsyncDisposableStack();
  const postgres = await startPrivatePostgres();
  cleanup.defer(() => postgres.remove());
  const { url: databaseUrl } = await createDatabaseOn(postgres.url('postgres'));
  const env = { DOCKCHAINS_STOP_SECONDS: String(STOP_SECONDS) };
  const gateway = await startGateway({ database: databaseUrl, env });
  cleanup.defer(() => gateway.close());
  const token = await gateway.token(gateway.publisher, 'repository:public/app:pull,push');
  const push = await pushImage(gateway.url, token, 'public/app', 'before');

  const halted = await freezeProcesses([postgres.pid]);
  const began = performance.now();
  await gateway.stop();
  const tookMs = performance.now() - began;
  expect(gateway.process.exitCode).toBe(UNFINISHED);
  expect(tookMs).toBeGreaterThan(1000 * STOP_SECONDS - 100);
  expect(tookMs).toBeLessThan(1000 * STOP_SECONDS + 15_000);
  expect(gateway.logs()).toMatch(/"waiting":\["[a-z]+"[^\]]*\],"seconds":2,"msg":"stopping took too long/);

  await killProcesses(halted);
  await postgres.kill9();
  await postgres.start();
  await gateway.restart();
  await awaitPublished(databaseUrl);
  await verifyPushes(gateway.url, databaseUrl, [push]);
  await gateway.stop();
  expect(gateway.process.exitCode).toBe(0);
}, 120_000);

test('what comes on a connection in use while a gateway stops is answered like anything else', async () => {
  await using cleanup = new AsyncDisposableStack();
  const gateway = await startGateway();
  cleanup.defer(() => gateway.close());
  const { hostname: host, port } = new URL(gateway.url);
  const socket = connect(Number(port), host);
  const ask = 'GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n';
  socket.write(`${ask}POST /graphql HTTP/1.1\r\nHost: gateway\r\nContent-Length: 2\r\n\r\n{`);
  // The head of what is sent with it has been read when it is answered.
  const [first] = (await once(socket, 'data')) as [Buffer];
  const rest = text(socket);
  const ended = once(gateway.process, 'exit');
  gateway.process.kill('SIGTERM');
  await expect.poll(() => fetch(`${gateway.url}/healthz`).catch(() => 'refused')).toBe('refused');
  socket.write(`}${ask}`);
  const answers = `${first.toString()}${await rest}`;
  expect(answers.match(/HTTP\/1\.1 [0-9]+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 415', 'HTTP/1.1 200']);
  expect(await ended).toEqual([0, null]);
});
