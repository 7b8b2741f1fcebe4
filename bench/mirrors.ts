import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

import { buildImage, type BuiltManifest, contentOf } from '@dockchains/testing';
import { OCI_LAYER_GZIP } from '@dockchains/oci';

import { type Connection, connect } from './connection.ts';
import { EMPTY_CONFIG, IMAGE, LARGE_BYTES } from './content.ts';
import { type Bounds, runLoad } from './load.ts';
import type { Organisation } from './organisations.ts';
import { findPullClients, type PullClient } from './pull.ts';
import { pushBlob, pushManifest } from './push.ts';
import type { Reading } from './reading.ts';
import { median } from './report.ts';
import { REPOSITORY, type Target } from './target.ts';

const LAYERS = 5;
const LAYER_BYTES = 20 * 1024 * 1024;
const CLIENTS = 50;
const CONNECTIONS = 16;
const SHARED_WITHIN_SECONDS = 60;
const MIRRORED_WITHIN_MS = 60_000;
const POLL_MS = 50;
const WARM_UP: Bounds = { seconds: 0.5, operations: 1_000 };
const MANY = 100_000;
const MAX_PULL_RATIO = 1.25;
const MIN_GET_RATIO = 0.9;

/** Whose images they are, and who mirrors them. */
type Mirrored = { readonly origin: Organisation; readonly mirror: Organisation };

/**
 * Measures what users of a mirror pay: first pulls, each of an image that neither gateway was ever asked for, in turns with pulls from the origin; manifests of a mirrored
 * tag, in turns with those of an own one; and how often the origin is asked when many want one layer that is not there.
 */
export async function measureMirrors(
  mirrored: Mirrored,
  plan: { readonly runs: number; readonly seconds: number },
): Promise<readonly Reading[]> {
  const firstPulls: Reading[] = [];
  for (const client of await findPullClients()) {
    firstPulls.push(...(await measureFirstPulls(mirrored, client, plan.runs)));
  }
  return [
    ...firstPulls,
    ...(await measureManifests(mirrored, plan)),
    ...(await measureSharedFetch(mirrored)),
  ];
}

async function measureFirstPulls(
  { origin, mirror }: Mirrored,
  { name: client, pull }: PullClient,
  runs: number,
): Promise<readonly Reading[]> {
  const took: { origin: number[]; mirror: number[] } = { origin: [], mirror: [] };
  // The first pair is not counted: both gateways have run none of this.
  for (let run = -1; run < runs; run += 1) {
    const images = [freshImage(LAYERS, LAYER_BYTES), freshImage(LAYERS, LAYER_BYTES)] as const;
    for (const image of images) await pushTo(origin, image);
    await untilMirrored({ origin, mirror }, images);
    const fromOrigin = async (): Promise<number> =>
      pull({ url: origin.gateway.url, repository: REPOSITORY, image: images[0] });
    const fromMirror = async (): Promise<number> =>
      pull({ url: mirror.gateway.url, repository: nameAt(origin), image: images[1] });
    // What is left of the pushes, and of the pull before, meets both.
    const [first, second] = run % 2 === 0 ? [fromOrigin, fromMirror] : [fromMirror, fromOrigin];
    const tookMs = [await first(), await second()] as const;
    if (run < 0) continue;
    took.origin.push(tookMs[run % 2] ?? NaN);
    took.mirror.push(tookMs[1 - (run % 2)] ?? NaN);
  }
  const [originMs, mirrorMs] = [median(took.origin), median(took.mirror)];
  const what = `${LAYERS} layers of ${LAYER_BYTES / 1024 ** 2} MiB`;
  return [
    { figure: `${client} pulls ${what} from their origin`, unit: 'ms', ours: originMs, bound: undefined },
    {
      figure: `${client} pulls ${what} from a mirror for the first time`,
      unit: 'ms',
      ours: mirrorMs,
      bound: undefined,
    },
    {
      figure: `${client}’s first pull from a mirror, to one from the origin`,
      unit: 'times',
      ours: mirrorMs / originMs,
      bound: { atMost: MAX_PULL_RATIO },
    },
  ];
}

async function measureManifests(
  { origin, mirror }: Mirrored,
  { runs, seconds }: { readonly runs: number; readonly seconds: number },
): Promise<readonly Reading[]> {
  const reference = 'manifest';
  for (const organisation of [origin, mirror]) await pushTo(organisation, IMAGE, reference);
  await untilMirrored({ origin, mirror }, [IMAGE]);
  const target = await targetOf(mirror, REPOSITORY, nameAt(origin));
  const rates = { own: [] as number[], mirrored: [] as number[] };
  const measure = async (repository: string, bounds: Bounds): Promise<number> => {
    const path = `/v2/${repository}/manifests/${reference}`;
    const operation = async (connection: Connection): Promise<number> =>
      (await connection.send({ method: 'GET', path, expect: 200 })).bytes;
    return (await runLoad(target, operation, { connections: CONNECTIONS, bounds })).perSecond;
  };
  for (const repository of [REPOSITORY, nameAt(origin)]) await measure(repository, WARM_UP);
  for (let run = 0; run < runs; run += 1) {
    rates.own.push(await measure(REPOSITORY, { seconds, operations: MANY }));
    rates.mirrored.push(await measure(nameAt(origin), { seconds, operations: MANY }));
  }
  const [own, mirrored] = [median(rates.own), median(rates.mirrored)];
  return [
    { figure: 'manifest GET by tag, own', unit: 'requests/s', ours: own, bound: undefined },
    { figure: 'manifest GET by tag, mirrored', unit: 'requests/s', ours: mirrored, bound: undefined },
    {
      figure: 'manifest GET by tag, mirrored to own',
      unit: 'times',
      ours: mirrored / own,
      bound: { atLeast: MIN_GET_RATIO },
    },
  ];
}

async function measureSharedFetch({ origin, mirror }: Mirrored): Promise<readonly Reading[]> {
  const image = freshImage(1, LARGE_BYTES);
  await pushTo(origin, image);
  await untilMirrored({ origin, mirror }, [image]);
  const before = await countBlobGets(origin);
  const target = await targetOf(mirror, nameAt(origin));
  const digest = image.blobs.at(-1)?.descriptor.digest ?? '';
  const pull = async (connection: Connection): Promise<number> => {
    const path = `/v2/${nameAt(origin)}/blobs/${digest}`;
    const { bytes } = await connection.send({ method: 'GET', path, expect: 200 });
    if (bytes !== LARGE_BYTES) throw new Error(`A client got ${bytes} bytes of ${LARGE_BYTES}.`);
    return bytes;
  };
  const bounds = { seconds: SHARED_WITHIN_SECONDS, operations: CLIENTS };
  const { longestMs } = await runLoad(target, pull, { connections: CLIENTS, bounds });
  const figure = `${CLIENTS} clients pull one missing layer of ${LARGE_BYTES / 1024 ** 2} MiB`;
  return [
    {
      figure: `${figure}, fetches from its origin`,
      unit: 'requests',
      ours: (await countBlobGets(origin)) - before,
      bound: { atMost: 1 },
    },
    { figure: `${figure}, the last has it`, unit: 'ms', ours: longestMs, bound: undefined },
  ];
}

function freshImage(layers: number, layerBytes: number): BuiltManifest {
  return buildImage({
    config: EMPTY_CONFIG,
    layers: Array.from({ length: layers }, () => contentOf(randomBytes(layerBytes), OCI_LAYER_GZIP)),
  });
}

async function pushTo(
  { gateway }: Organisation,
  manifest: BuiltManifest,
  reference = `m-${randomUUID()}`,
): Promise<void> {
  const token = await gateway.token(gateway.publisher, `repository:${REPOSITORY}:pull,push`);
  const connection = connect(gateway.url, { authorization: `Bearer ${token}` });
  try {
    for (const blob of manifest.blobs) await pushBlob(connection, REPOSITORY, blob);
    await pushManifest(connection, REPOSITORY, { manifest, reference });
  } finally {
    await connection.close();
  }
}

/** Waits until the mirror knows the images: not their layers, which nobody has asked it for. */
async function untilMirrored({ origin, mirror }: Mirrored, images: readonly BuiltManifest[]): Promise<void> {
  for (const { descriptor } of images) {
    const url = `${mirror.gateway.url}/v2/${nameAt(origin)}/manifests/${descriptor.digest}`;
    const deadline = performance.now() + MIRRORED_WITHIN_MS;
    while ((await fetch(url, { method: 'HEAD' })).status !== 200) {
      if (performance.now() > deadline) throw new Error(`The mirror still knows nothing of ${url}.`);
      await pause(POLL_MS);
    }
  }
}

/** How many blobs a gateway has been asked for, whole or in part. */
async function countBlobGets({ gateway }: Organisation): Promise<number> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const counts = text.matchAll(/^dockchains_http_request_duration_seconds_count\{([^}]*)\} ([0-9]+)$/gm);
  return [...counts]
    .filter(([, labels = '']) => labels.includes('route="/v2 blob"') && labels.includes('method="GET"'))
    .reduce((sum, [, , count = '0']) => sum + Number(count), 0);
}

async function targetOf({ name, gateway }: Organisation, ...repositories: string[]): Promise<Target> {
  const scopes = repositories.map((repository) => `repository:${repository}:pull`);
  const authorization = `Bearer ${await gateway.token(gateway.reader, ...scopes)}`;
  return {
    ...{ name, url: gateway.url, pid: () => gateway.pid },
    authorize: () => Promise.resolve({ authorization }),
    start: () => gateway.restart(),
    halt: () => gateway.stop(),
    stop: () => gateway.close(),
  };
}

const nameAt = ({ name }: Organisation): string => `${name}/${REPOSITORY}`;
