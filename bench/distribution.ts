import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Target } from './target.ts';

const START_MS = 15_000;

/** Starts Debian's `docker-registry` (CNCF distribution) as Debian configures it, but for users: it has none. */
export async function startDistribution(): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-peer-'));
  const port = await findFreePort();
  const config = join(folder, 'config.json'); // YAML that is JSON as well
  await writeFile(config, JSON.stringify(configure(port, join(folder, 'data'))));
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  process.once('exit', () => child.kill('SIGKILL'));
  child.stdout.resume();
  await listening(child.stderr.setEncoding('utf8'));
  return {
    name: 'docker-registry',
    url: `http://127.0.0.1:${port}`,
    authorize: () => Promise.resolve({}),
    async stop() {
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configure(port: number, rootdirectory: string): object {
  return {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: true } },
    storage: {
      cache: { blobdescriptor: 'inmemory' },
      filesystem: { rootdirectory },
      delete: { enabled: true },
    },
    http: { addr: `127.0.0.1:${port}`, headers: { 'X-Content-Type-Options': ['nosniff'] } },
    health: { storagedriver: { enabled: true, interval: '10s', threshold: 3 } },
  };
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port is free.');
  server.close();
  await once(server, 'close');
  return address.port;
}

/** Waits for the line in which it says that it listens; what it prints later is read and dropped. */
async function listening(log: NodeJS.ReadableStream): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  let printed = '';
  const fail = (): void => {
    reject(new Error(`docker-registry did not start:\n${printed}`));
  };
  const look = (chunk: string): void => {
    printed += chunk;
    if (printed.includes('listening on')) resolve(undefined);
  };
  const late = setTimeout(fail, START_MS);
  log.on('data', look).once('end', fail);
  try {
    await promise;
  } finally {
    clearTimeout(late);
    log.off('data', look).off('end', fail).resume();
  }
}
