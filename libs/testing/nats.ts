import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { findFreePort } from './ports.ts';

/** A NATS server of one organisation. */
export interface TestNats {
  /** `nats://127.0.0.1:<port>`; the port stays over restarts. */
  readonly url: string;
  readonly pid: number;
  /** Where its data are. */
  readonly folder: string;
  /** Everything that it printed so far. */
  logs(): string;
  kill9(): Promise<void>;
  /** Starts it again on its port, with other accounts if they are given; it must have ended. */
  start(accounts?: string): Promise<void>;
  /** Stops it and removes its data. */
  close(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a server with JetStream, on a free port unless told; `accounts` is what `encodeServerAccounts` of @dockchains/messaging gives. */
export async function startNats(accounts: string, wanted?: number): Promise<TestNats> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-nats-'));
  const port = wanted ?? (await findFreePort());
  let output = '';
  let child: ChildProcess | undefined;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  const start = async (newer = accounts): Promise<void> => {
    await writeFile(join(folder, 'nats.conf'), configurationOf(folder, port, newer));
    const from = output.length;
    child = spawn(findServer(), ['-c', join(folder, 'nats.conf')], { stdio: ['ignore', 'ignore', 'pipe'] });
    running.add(child);
    const started = child;
    await new Promise<void>((resolve, reject) => {
      started.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
        if (output.slice(from).includes('Server is ready')) resolve();
      });
      started.once('exit', () => {
        running.delete(started);
        reject(new Error(`nats-server ended before it was ready:\n${output}`));
      });
    });
  };
  await start();
  return {
    folder,
    url: `nats://127.0.0.1:${port}`,
    get pid() {
      return child?.pid ?? 0;
    },
    logs: () => output,
    kill9: () => end('SIGKILL'),
    start,
    async close() {
      await end('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const configurationOf = (folder: string, port: number, accounts: string): string => `
listen: "127.0.0.1:${port}"
max_payload: 1048576
jetstream { store_dir: "${folder}/jetstream" }
resolver { type: full, dir: "${folder}/accounts", allow_delete: false }
${accounts}`;

const findServer = (): string =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
    .map((folder) => join(folder, 'nats-server'))
    .find((path) => existsSync(path)) ?? 'nats-server';
