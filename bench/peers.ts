import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { Program } from './program.ts';

const run = promisify(execFile);

const BUILD_MS = 300_000;

/** Another registry, and how to come by it where it is not installed. */
export interface Peer {
  readonly program: Program;
  /** What `<executable> --version` must print. */
  readonly version: RegExp;
  /** The Go package that it is built from. */
  readonly source?: string;
}

/** Debian's `docker-registry`, as Debian configures it but for users: figures' targets are in its terms. */
export const DEBIAN: Program = {
  name: 'docker-registry',
  executable: 'docker-registry',
  command: ['serve'],
  configure: configureDistribution,
};

/** Those that nothing may be slower than, where they can be had. */
export const OTHERS: readonly Peer[] = [
  {
    program: {
      name: 'distribution 3',
      executable: 'registry',
      command: ['serve'],
      configure: configureDistribution,
    },
    version: /v?3\.\d+/,
    source: 'github.com/distribution/distribution/v3/cmd/registry@v3.0.0',
  },
  {
    program: {
      name: 'zot',
      executable: 'zot',
      command: ['serve'],
      configure: (port, rootDirectory) => ({
        distSpecVersion: '1.1.1',
        storage: { rootDirectory, gc: false, dedupe: false },
        http: { address: '127.0.0.1', port: String(port) },
        log: { level: 'error' },
      }),
    },
    version: /./,
    source: 'zotregistry.dev/zot/v2/cmd/zot@v2.1.2',
  },
];

/** Finds a peer's program on the path, or builds it with Go within five minutes; a reason where neither can be done. */
export async function findPeer({ program, version, source }: Peer): Promise<Program | { reason: string }> {
  const { executable } = program;
  if (await answersTo(executable, version)) return program;
  if (source === undefined) return { reason: `there is no ${executable} on the path` };
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-peer-bin-'));
  try {
    await run('go', ['install', source], {
      env: { ...process.env, GOBIN: folder },
      timeout: BUILD_MS,
    });
  } catch (error) {
    return { reason: `there is no ${executable} on the path, and it can't be built: ${firstLine(error)}` };
  }
  return { ...program, executable: join(folder, executable) };
}

async function answersTo(executable: string, version: RegExp): Promise<boolean> {
  try {
    const { stdout, stderr } = await run(executable, ['--version']);
    return version.test(stdout + stderr);
  } catch {
    return false;
  }
}

function firstLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const printed = 'stderr' in error ? String(error.stderr).trim() : '';
  return (printed === '' ? error.message : printed).split('\n')[0] ?? '';
}

function configureDistribution(port: number, rootdirectory: string): object {
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
