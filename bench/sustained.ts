import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

import { buildImage } from '@dockchains/testing';
import { Client } from 'undici';

import { type Connection, connect } from './connection.ts';
import { EMPTY_CONFIG, IMAGE } from './content.ts';
import { percentile } from './load.ts';
import { pushManifest } from './push.ts';
import type { Reading } from './reading.ts';
import { REPOSITORY, type Target } from './target.ts';

/** Open load: so many pushes begin each second, whatever became of those before. */
export interface SustainedLoad {
  readonly perSecond: number;
  readonly seconds: number;
}

const CONNECTIONS = 64;
// No push begins after so many times the time that all should take.
const LATEST = 2;
// A look at the checkpoint costs the gateway something too, and what is published is never seen before it is.
const POLL_MS = 10;
// Longer than any publication should take.
const PUBLISHED_WITHIN_MS = 30_000;
// The manifest's own, and its tag's.
const RECORDS_PER_PUSH = 2;
const MAX_PUSH_P99_MS = 100;
const MAX_PUBLISHED_P99_MS = 500;

interface Push {
  readonly dueAt: number;
  answeredAt: number;
  /** How many pushes had begun when this one was answered: no more records than theirs can stand before its own. */
  begunBefore: number;
}

interface Published {
  readonly at: number;
  readonly size: number;
}

/**
 * Pushes manifests whose blobs are there, each new and with a tag of its own, at a constant rate, and watches the
 * checkpoint. Times count from when a push was due. It is published when the checkpoint covers every record that can
 * stand before its own, so that this is never shorter than the truth.
 */
export async function measureSustained(target: Target, load: SustainedLoad): Promise<readonly Reading[]> {
  const authorization = await target.authorize();
  const idle = Array.from({ length: CONNECTIONS }, () => connect(target.url, authorization));
  const all = [...idle];
  const watcher = new Client(target.url);
  const seen: Published[] = [{ at: performance.now(), size: await readSize(watcher) }];
  const ended = new AbortController();
  const watching = watch(watcher, seen, ended.signal);
  try {
    const pushes = await pushAll(idle, load);
    await untilPublished(seen, pushes.length);
    return readingsOf(load, pushes, seen);
  } finally {
    ended.abort();
    await watching;
    await Promise.all([...all, watcher].map((connection) => connection.close()));
  }
}

async function pushAll(idle: Connection[], { perSecond, seconds }: SustainedLoad): Promise<Push[]> {
  const total = perSecond * seconds;
  const pushes: Push[] = [];
  const working: Promise<void>[] = [];
  let begun = 0;
  const begin = performance.now();
  // One that is far too slow would keep us for ever: it is judged by what it has answered by then.
  const end = begin + LATEST * seconds * 1000;
  const dueAt = (number: number): number => begin + (number * 1000) / perSecond;
  const isDue = (): boolean => {
    const now = performance.now();
    return begun < total && dueAt(begun) <= now && now < end;
  };
  const work = async (connection: Connection): Promise<void> => {
    while (isDue()) {
      const push: Push = { dueAt: dueAt(begun), answeredAt: NaN, begunBefore: NaN };
      pushes.push(push);
      begun += 1;
      await pushManifest(connection, REPOSITORY, freshManifest());
      push.answeredAt = performance.now();
      push.begunBefore = begun;
    }
    idle.push(connection);
  };
  while (begun < total && performance.now() < end) {
    const next = isDue() ? idle.pop() : undefined;
    if (next === undefined) {
      await pause(1);
      continue;
    }
    const pushing = work(next);
    pushing.catch(() => undefined); // it is awaited at the end
    working.push(pushing);
  }
  await Promise.all(working);
  return pushes;
}

function freshManifest() {
  const name = randomUUID();
  const manifest = buildImage({
    config: EMPTY_CONFIG,
    layers: IMAGE.blobs.slice(1),
    annotations: { 'org.opencontainers.image.version': name },
  });
  return { manifest, reference: `s-${name}` };
}

async function watch(watcher: Client, seen: Published[], ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    const size = await readSize(watcher);
    if (size > (seen.at(-1)?.size ?? 0)) seen.push({ at: performance.now(), size });
    await pause(POLL_MS);
  }
}

async function readSize(watcher: Client): Promise<number> {
  const { body } = await watcher.request({ method: 'GET', path: '/log/public/checkpoint' });
  return Number((await body.text()).split('\n')[1]);
}

async function untilPublished(seen: readonly Published[], pushes: number): Promise<void> {
  const wanted = (seen[0]?.size ?? 0) + pushes * RECORDS_PER_PUSH;
  for (const deadline = performance.now() + PUBLISHED_WITHIN_MS; performance.now() < deadline;) {
    if ((seen.at(-1)?.size ?? 0) >= wanted) return;
    await pause(POLL_MS);
  }
  throw new Error(`The pushes were not published within ${PUBLISHED_WITHIN_MS / 1000} s.`);
}

function readingsOf(
  { perSecond }: SustainedLoad,
  pushes: readonly Push[],
  seen: readonly Published[],
): Reading[] {
  const first = seen[0]?.size ?? 0;
  const publishedAt = (push: Push): number => {
    const needed = first + push.begunBefore * RECORDS_PER_PUSH;
    return seen.find(({ size }) => size >= needed)?.at ?? Infinity;
  };
  const pushMs = sorted(pushes.map(({ dueAt, answeredAt }) => answeredAt - dueAt));
  const publishedMs = sorted(pushes.map((push) => publishedAt(push) - push.dueAt));
  const lines = (figure: string, tookMs: readonly number[], atMost: number): Reading[] => [
    { figure: `${figure}, p50`, unit: 'ms', ours: percentile(tookMs, 0.5), bound: undefined },
    { figure: `${figure}, p99`, unit: 'ms', ours: percentile(tookMs, 0.99), bound: { atMost } },
    { figure: `${figure}, longest`, unit: 'ms', ours: percentile(tookMs, 1), bound: undefined },
  ];
  return [
    ...lines(`${perSecond} manifest pushes/s, answered`, pushMs, MAX_PUSH_P99_MS),
    ...lines(`${perSecond} manifest pushes/s, published`, publishedMs, MAX_PUBLISHED_P99_MS),
  ];
}

const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);
