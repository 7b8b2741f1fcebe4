import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

import { type Connection, connect } from './connection.ts';
import { IMAGE } from './content.ts';
import type { Reading } from './reading.ts';
import { median } from './report.ts';
import { REPOSITORY, type Target } from './target.ts';

const run = promisify(execFile);

// A start leaves garbage, and the young generation as large as it needed: V8 gives both back behind ten quiet seconds.
const IDLE_MS = 20_000;
const MIB = 1024;
const TAG = 'latest';
const MAX_IDLE_MIB = 120;
const MAX_START_MS = 800;

/** Measures from the start of the process to its first manifest, medians of so many starts. */
export async function measureStart(ours: Target, peer: Target, runs: number): Promise<readonly Reading[]> {
  const took: { ours: number[]; peer: number[] } = { ours: [], peer: [] };
  for (let at = 0; at < runs; at++) {
    took.ours.push(await startOnce(ours));
    took.peer.push(await startOnce(peer));
  }
  return [
    {
      figure: 'start to the first manifest',
      unit: 'ms',
      ours: median(took.ours),
      peer: median(took.peer),
      bound: { atMost: MAX_START_MS },
    },
  ];
}

/** Measures what is resident when nothing has been asked for twenty seconds: after the start, and after a pull. */
export async function measureIdle(ours: Target, peer: Target): Promise<readonly Reading[]> {
  const [fresh, used] = [await idleOnce(ours), await idleOnce(peer)];
  const reading = (figure: string, key: 'started' | 'pulled'): Reading => ({
    ...{ figure, unit: 'MiB', ours: fresh[key], peer: used[key], bound: { atMost: MAX_IDLE_MIB } },
  });
  return [
    reading('idle resident, after the start', 'started'),
    reading('idle resident, after a pull', 'pulled'),
  ];
}

async function startOnce(target: Target): Promise<number> {
  const authorization = await target.authorize();
  await target.halt();
  const begun = performance.now();
  await target.start();
  await using connection = open(target, authorization);
  await connection.send({ method: 'GET', path: `/v2/${REPOSITORY}/manifests/${TAG}`, expect: 200 });
  return performance.now() - begun;
}

async function idleOnce(target: Target): Promise<{ started: number; pulled: number }> {
  const authorization = await target.authorize();
  await target.halt();
  await target.start();
  await pause(IDLE_MS);
  const started = await residentMib(target.pid());
  await pull(target, authorization);
  await pause(IDLE_MS);
  return { started, pulled: await residentMib(target.pid()) };
}

/** Docker's requests of a pull: the tag's digest, the manifest by it, and each blob. */
async function pull(target: Target, authorization: Readonly<Record<string, string>>): Promise<void> {
  await using connection = open(target, authorization);
  const root = `/v2/${REPOSITORY}`;
  await connection.send({ method: 'HEAD', path: `${root}/manifests/${TAG}`, expect: 200 });
  await connection.send({
    method: 'GET',
    path: `${root}/manifests/${IMAGE.descriptor.digest}`,
    expect: 200,
  });
  for (const { descriptor } of IMAGE.blobs) {
    await connection.send({ method: 'GET', path: `${root}/blobs/${descriptor.digest}`, expect: 200 });
  }
}

function open(target: Target, authorization: Readonly<Record<string, string>>): Connection & AsyncDisposable {
  const connection = connect(target.url, authorization);
  return { ...connection, [Symbol.asyncDispose]: () => connection.close() };
}

async function residentMib(pid: number): Promise<number> {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout.trim()) / MIB;
}
