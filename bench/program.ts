import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import type { Target } from './target.ts';

/** A registry that is a program with a configuration file. */
export interface Program {
  readonly name: string;
  readonly executable: string;
  /** What stands before the configuration's path on its command line. */
  readonly command: readonly string[];
  /** The configuration of a registry on a port of 127.0.0.1 that stores below `folder`, to be written as JSON. */
  readonly configure: (port: number, folder: string) => object;
}

const START_MS = 15_000;
const POLL_MS = 2;
const MAX_PRINTED = 8192;

/** Starts a program without users on a free port, in a temporary folder that goes with it. */
export async function startProgram({ name, executable, command, configure }: Program): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-peer-'));
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const config = join(folder, 'config.json'); // YAML that is JSON as well
  await writeFile(config, JSON.stringify(configure(port, join(folder, 'data'))));
  let child: ChildProcess | undefined;
  process.once('exit', () => child?.kill('SIGKILL'));

  const target: Target = {
    name,
    url,
    authorize: () => Promise.resolve({}),
    pid: () => child?.pid ?? 0,
    async start() {
      child = spawn(executable, [...command, config], { stdio: ['ignore', 'pipe', 'pipe'] });
      await untilItAnswers(child, { name, url });
    },
    async halt() {
      if (child?.exitCode !== null) return;
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      await ended;
    },
    async stop() {
      await target.halt();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await target.start();
  return target;
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

async function untilItAnswers(
  child: ChildProcess,
  { name, url }: { name: string; url: string },
): Promise<void> {
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      if (printed.length < MAX_PRINTED) printed += chunk;
    });
  }
  for (const deadline = performance.now() + START_MS; performance.now() < deadline;) {
    if (child.exitCode !== null) break;
    const answer = await fetch(`${url}/v2/`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok === true) return;
    await pause(POLL_MS);
  }
  throw new Error(`${name} did not start:\n${printed}`);
}
