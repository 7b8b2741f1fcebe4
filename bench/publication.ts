import { setTimeout as pause } from 'node:timers/promises';

import { buildImage } from '@dockchains/testing';

import { type Connection, connect } from './connection.ts';
import { EMPTY_CONFIG, IMAGE } from './content.ts';
import { percentile } from './load.ts';
import { type Organisation, query } from './organisations.ts';
import { pushBlob, pushManifest } from './push.ts';
import type { Reading } from './reading.ts';
import { REPOSITORY } from './target.ts';

/** Open load: so many pushes begin each second, whatever became of those before. */
interface Load {
  readonly perSecond: number;
  readonly seconds: number;
}

/** Who pushes what, and who is watched meanwhile. */
type Federation = readonly [Organisation, Organisation, Organisation];

const CONNECTIONS = 32;
// What is found is up to this much older than it seems; more often would load the machine that is measured.
const POLL_MS = 50;
const SHOWN_WITHIN_MS = 60_000;
const FIRST_SHOWN_WITHIN_MS = 60_000;
const WARM_UP_PUSHES = 100;
const PAGE = 100;
const TAG_DIGITS = 8;
const MAX_P50_MS = 400;
const MAX_P99_MS = 1_200;

// Behind the oldest tag that is not there yet, since a later one may be shown before.
const NEWER_TAGS = `query Newer($organisation: String!, $after: String) {
  repositories(organisation: $organisation, first: 1) { nodes { tags(first: ${PAGE}, after: $after) { edges { cursor node { name } } } } }
}`;

type Answer = {
  readonly repositories: {
    readonly nodes: readonly {
      readonly tags: {
        readonly edges: readonly { readonly cursor: string; readonly node: { name: string } }[];
      };
    }[];
  };
};

/** What one organisation's catalog has shown of the pushes, by their numbers; times of `performance.now()`. */
type Watched = { readonly shownAt: number[]; count: number };

/**
 * Pushes manifests whose blobs are there to one organisation at a constant rate, each new and with a tag of its own, and asks the
 * GraphQL of both others for the tags that they have not shown yet. Times count from when a push was due to when the later of
 * the two had it in an answer.
 */
export async function measurePublication(federation: Federation, load: Load): Promise<readonly Reading[]> {
  const [origin, ...others] = federation;
  const authorization = `Bearer ${await origin.gateway.token(origin.gateway.publisher, `repository:${REPOSITORY}:pull,push`)}`;
  const idle = Array.from({ length: CONNECTIONS }, () => connect(origin.gateway.url, { authorization }));
  const all = [...idle];
  const ended = new AbortController();
  const watched = others.map((): Watched => ({ shownAt: [], count: 0 }));
  const watching = others.map((organisation, at) =>
    watch(organisation, {
      origin: origin.name,
      watched: watched[at] ?? { shownAt: [], count: 0 },
      ended: ended.signal,
    }),
  );
  try {
    const [first] = idle;
    if (first === undefined) throw new Error('There is no connection.');
    for (const blob of [...IMAGE.blobs, EMPTY_CONFIG]) await pushBlob(first, REPOSITORY, blob);
    // Peers that have just come to know each other first cosign, connect and fetch for some time.
    for (let number = 0; number < WARM_UP_PUSHES; number += 1) await push(first, number);
    await untilShown(watched, WARM_UP_PUSHES, FIRST_SHOWN_WITHIN_MS);
    const dueAt = await pushAll(idle, load);
    await untilShown(watched, WARM_UP_PUSHES + dueAt.length, SHOWN_WITHIN_MS);
    return readingsOf(load, dueAt, watched);
  } finally {
    ended.abort();
    await Promise.all(watching);
    await Promise.all(all.map((connection) => connection.close()));
  }
}

/** Gives when each push was due. */
async function pushAll(idle: Connection[], { perSecond, seconds }: Load): Promise<number[]> {
  const begin = performance.now();
  const dueAt = Array.from({ length: perSecond * seconds }, (_, at) => begin + (at * 1000) / perSecond);
  const working: Promise<void>[] = [];
  for (const [at, due] of dueAt.entries()) {
    await pause(Math.max(0, due - performance.now()));
    let connection = idle.pop();
    for (; connection === undefined; connection = idle.pop()) await pause(1);
    const used = connection;
    const pushing = push(used, WARM_UP_PUSHES + at).finally(() => idle.push(used));
    pushing.catch(() => undefined); // it is awaited at the end
    working.push(pushing);
  }
  await Promise.all(working);
  return dueAt;
}

function push(connection: Connection, number: number): Promise<void> {
  const reference = tagOf(number);
  const manifest = buildImage({
    config: EMPTY_CONFIG,
    layers: IMAGE.blobs.slice(1),
    annotations: { 'org.opencontainers.image.version': reference },
  });
  return pushManifest(connection, REPOSITORY, { manifest, reference });
}

async function watch(
  organisation: Organisation,
  { origin, watched, ended }: { origin: string; watched: Watched; ended: AbortSignal },
): Promise<void> {
  let after: string | null = null;
  let next = 0;
  while (!ended.aborted) {
    const answer: Answer = await query(organisation, NEWER_TAGS, { organisation: origin, after });
    const now = performance.now();
    for (const { cursor, node } of answer.repositories.nodes[0]?.tags.edges ?? []) {
      const number = numberOf(node.name);
      if (watched.shownAt[number] === undefined) {
        watched.shownAt[number] = now;
        watched.count += 1;
      }
      if (number !== next) continue;
      [next, after] = [next + 1, cursor];
    }
    await pause(POLL_MS);
  }
}

async function untilShown(watched: readonly Watched[], pushes: number, withinMs: number): Promise<void> {
  for (const deadline = performance.now() + withinMs; performance.now() < deadline;) {
    if (watched.every(({ count }) => count >= pushes)) return;
    await pause(POLL_MS);
  }
  const counts = watched.map(({ count }) => count).join(' and ');
  throw new Error(`Of ${pushes} pushes the other catalogs showed ${counts} within ${withinMs / 1000} s.`);
}

function readingsOf({ perSecond }: Load, dueAt: readonly number[], watched: readonly Watched[]): Reading[] {
  const tookMs = dueAt
    .map(
      (due, at) => Math.max(...watched.map(({ shownAt }) => shownAt[WARM_UP_PUSHES + at] ?? Infinity)) - due,
    )
    .toSorted((a, b) => a - b);
  const figure = `${perSecond} pushes/s, in both other catalogs`;
  return [
    { figure: `${figure}, p50`, unit: 'ms', ours: percentile(tookMs, 0.5), bound: { atMost: MAX_P50_MS } },
    { figure: `${figure}, p99`, unit: 'ms', ours: percentile(tookMs, 0.99), bound: { atMost: MAX_P99_MS } },
    { figure: `${figure}, longest`, unit: 'ms', ours: percentile(tookMs, 1), bound: undefined },
  ];
}

const tagOf = (number: number): string => `p-${String(number).padStart(TAG_DIGITS, '0')}`;

const numberOf = (tag: string): number => Number(tag.slice(2));
