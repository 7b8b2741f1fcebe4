import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own that a test can fill. */
export interface SmallDisk {
  /** An empty folder to begin with, which every user may pass through. */
  readonly folder: string;
  /** Takes all room that is left. */
  fill(): Promise<void>;
  /** Gives back what `fill` took. */
  free(): Promise<void>;
  /** Takes the file system away, with all that is on it. */
  remove(): Promise<void>;
}

const FILLER = 'filler';
const CHUNKS = [2 ** 20, 2 ** 12, 1];

let obstacle: { readonly reason: string | undefined } | undefined;

/** Why no file system can be mounted here; undefined if it can. */
export function findMountObstacle(): string | undefined {
  obstacle ??= { reason: lookForObstacle() };
  return obstacle.reason;
}

function lookForObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'file systems in memory are mounted on Linux alone';
  if (process.getuid?.() !== 0) return 'only root can mount a small file system';
  // In a mount namespace of its own, which ends with it.
  const { status } = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]);
  return status === 0 ? undefined : 'this container may not mount file systems';
}

/** Mounts a file system of so many MiB, in memory; it ends with this process however that ends. @throws if there is an obstacle */
export async function mountSmallDisk(megabytes: number): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-disk-'));
  const mounted = spawnSync('mount', [
    ...['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0711`, 'tmpfs', folder],
  ]);
  if (mounted.status !== 0) throw new Error(`No small disk was mounted: ${mounted.stderr.toString()}`);
  // Its standard input closes when this process ends.
  const guard = spawn('/bin/sh', ['-c', 'cat >/dev/null; umount -l "$1"; rmdir "$1"', 'sh', folder], {
    ...{ detached: true, stdio: ['pipe', 'ignore', 'ignore'] },
  });
  guard.unref();
  const filler = join(folder, FILLER);
  return {
    folder,
    async fill() {
      await using file = await open(filler, 'a');
      for (const length of CHUNKS) while (await hasRoom(file, Buffer.alloc(length)));
    },
    free: () => rm(filler, { force: true }),
    async remove() {
      const ended = once(guard, 'exit');
      guard.stdin.end();
      await ended;
    },
  };
}

async function hasRoom(file: { write(bytes: Buffer): Promise<unknown> }, bytes: Buffer): Promise<boolean> {
  try {
    await file.write(bytes);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false;
    throw error;
  }
}
