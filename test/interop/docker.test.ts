import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startGateway, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openSession } from '../registry-http.ts';
import { type DockerEngine, startDockerEngine, whyNoDockerEngine } from './docker-engine.ts';
import { saySkipped } from './programs.ts';
import { findStaticBusybox } from './static-program.ts';

const GREETING = 'hello from an empty image';
const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';

const busybox = findStaticBusybox();
const reason = whyNoDockerEngine() ?? (busybox === undefined ? 'there is no static busybox' : undefined);

describe.skipIf(saySkipped('a stock Docker Engine', reason))('a stock Docker Engine', () => {
  let gateway: TestGateway;
  let engine: DockerEngine;
  let image: string;

  const cleanup = new AsyncDisposableStack();

  beforeAll(async () => {
    gateway = await startGateway();
    cleanup.defer(() => gateway.close());
    engine = await startDockerEngine();
    cleanup.defer(() => engine.stop());
    image = `${gateway.host}/public/hello`;
    await engine.docker(['build', '--tag', `${image}:1`, await makeContext(cleanup, busybox ?? '')]);
    const { username, password } = gateway.publisher;
    await engine.docker(['login', '--username', username, '--password-stdin', gateway.host], {
      input: password,
    });
    await engine.docker(['push', `${image}:1`]);
  });

  afterAll(() => cleanup.disposeAsync());

  const run = (reference: string) =>
    engine.docker(['run', '--rm', '--network', 'none', '--pull', 'never', reference]);

  /** Puts the tag's manifest where it is already, which answers with the record of its last move. */
  const recordOfTag = async () => {
    const session = await openSession(gateway, 'public/hello');
    const found = await session.call('/manifests/1');
    const again = await session.call('/manifests/1', {
      ...{ method: 'PUT', body: found.body, headers: { 'content-type': MANIFEST_TYPE } },
    });
    return {
      digest: found.headers.get('docker-content-digest'),
      recordId: again.headers.get('dockchains-record'),
    };
  };

  test('pulls by tag what it pushed and had deleted, and runs it', async () => {
    await engine.docker(['image', 'rm', `${image}:1`]);
    await expect(run(`${image}:1`)).rejects.toThrow('No such image');
    await engine.docker(['pull', `${image}:1`]);
    expect(await run(`${image}:1`)).toBe(`${GREETING}\n`);
  });

  test('pulls by digest and runs it', async () => {
    const { digest } = await recordOfTag();
    await engine.docker(['image', 'rm', `${image}:1`]);
    await engine.docker(['pull', `${image}@${digest}`]);
    expect(await run(`${image}@${digest}`)).toBe(`${GREETING}\n`);
    await engine.docker(['tag', `${image}@${digest}`, `${image}:1`]);
  });

  test('changes nothing by pushing again', async () => {
    const before = await recordOfTag();
    await engine.docker(['push', `${image}:1`]);
    expect(before.recordId).toMatch(/^[0-9a-f]{32}$/);
    expect(await recordOfTag()).toEqual(before);
  });

  test('is refused a push once it has logged out', async () => {
    await engine.docker(['logout', gateway.host]);
    await expect(engine.docker(['push', `${image}:1`])).rejects.toThrow(/denied|unauthorized/);
  });
});

async function makeContext(cleanup: AsyncDisposableStack, program: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-context-'));
  cleanup.defer(() => rm(folder, { recursive: true }));
  await copyFile(program, join(folder, 'busybox'));
  const entrypoint = JSON.stringify(['/busybox', 'echo', GREETING]);
  await writeFile(join(folder, 'Dockerfile'), `FROM scratch\nCOPY busybox /\nENTRYPOINT ${entrypoint}\n`);
  return folder;
}
