import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findMissing, findProgram, type RunOptions, runProgram } from './programs.ts';

/** A Docker Engine of one test's own, with its command. */
export interface DockerEngine {
  /** Runs `docker` against it and gives what it printed. */
  docker(args: readonly string[], options?: Pick<RunOptions, 'input'>): Promise<string>;
  /** For other programs that are to use it. */
  readonly env: NodeJS.ProcessEnv;
  /** Stops it with all its containers and removes what it stored. */
  stop(): Promise<void>;
}

const START_MS = 60_000;
const STOP_MS = 30_000;
// No bridge and no firewall rules: containers run without a network, and the machine's stays as it is.
const OPTIONS = ['--storage-driver=vfs', '--bridge=none', '--iptables=false', '--ip6tables=false'];

/** Says why no engine can be started here; undefined if one can. */
export function whyNoDockerEngine(): string | undefined {
  const missing = findMissing('dockerd', 'docker', 'setpriv');
  return missing ?? (process.getuid?.() === 0 ? undefined : 'only root can start dockerd');
}

/** Starts an engine with folders, socket and credentials of its own; it ends with this process however that ends. */
export async function startDockerEngine(): Promise<DockerEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-docker-'));
  const socket = `unix://${join(folder, 'docker.sock')}`;
  const daemon = spawn(
    findProgram('setpriv') ?? 'setpriv',
    [
      ...['--pdeathsig', 'TERM', findProgram('dockerd') ?? 'dockerd', '--host', socket, ...OPTIONS],
      ...['--ip-forward=false', '--pidfile', join(folder, 'docker.pid')],
      ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const log = daemon.stderr.setEncoding('utf8');
  const ended = once(daemon, 'close');
  try {
    await listening(log, AbortSignal.timeout(START_MS));
  } catch (error) {
    daemon.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const own = {
    DOCKER_HOST: socket,
    DOCKER_CONFIG: join(folder, 'config'),
    DOCKER_BUILDKIT: '0', // the builder of the engine itself: the other is a package of its own
  };
  return {
    env: own,
    docker: (args, options) => runProgram('docker', args, { ...options, env: { ...process.env, ...own } }),
    async stop() {
      daemon.kill('SIGTERM');
      const late = setTimeout(() => daemon.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(late);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Waits for the line in which dockerd says that it serves; what it prints later is read and dropped. */
async function listening(log: NodeJS.ReadableStream, signal: AbortSignal): Promise<void> {
  let printed = '';
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const fail = (): void => {
    reject(new Error(`dockerd did not start:\n${printed}`));
  };
  const look = (chunk: string): void => {
    printed += chunk;
    if (printed.includes('API listen on')) resolve(undefined);
  };
  signal.addEventListener('abort', fail);
  log.on('data', look).once('end', fail);
  await promise;
  log.off('data', look).off('end', fail).resume();
  signal.removeEventListener('abort', fail);
}
