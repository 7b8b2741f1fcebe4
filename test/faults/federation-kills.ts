import { createHash } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';

import {
  startFederation,
  type TestFederation,
  type TestGateway,
  type TestOrganisation,
} from '@dockchains/testing';
import { openCheckpoint, parseVerifierKey } from '@dockchains/tlog';
import { expect } from 'vitest';

import { Gate } from './gate.ts';
import { seeded } from './kill-loop.ts';
import { fetchBytes, Observer, verifyHistory } from './observer.ts';
import { type AcknowledgedPush, Pusher } from './pusher.ts';
import { awaitPublished, readKeys, readWholeLog, verifyPushes } from './verify.ts';

const NAMES = ['acme.example', 'globex.example', 'initech.example'];
const WORKERS = 2;
const PUSHES_BETWEEN_KILLS = 4;
const MAX_DELAY_MS = 300;
const AGREE = { timeout: 120_000, interval: 100 };

/** What a run of kills in a federation left behind. */
export interface FederationKills {
  readonly acknowledged: number;
  readonly checkpoints: number;
}

type Watched = TestOrganisation & { readonly pusher: Pusher; readonly observer: Observer };

/**
 * Kills gateways and NATS servers of three organisations with SIGKILL at random moments while all are pushed to, each back a moment later. Then all
 * that was acknowledged is published, every organisation holds every log to its end, entry for entry, every tag is pulled from everywhere, and no
 * checkpoint that was ever seen is contradicted.
 */
export async function runFederationKills(kills: number, seed: number): Promise<FederationKills> {
  const random = seeded(seed);
  const federation = await startFederation(...NAMES);
  const gate = new Gate();
  const watched = watch(federation, gate);
  try {
    for (const { pusher, observer } of watched) {
      observer.start();
      pusher.start(WORKERS);
    }
    const countPushes = (): number => watched.reduce((sum, one) => sum + one.pusher.acknowledged.length, 0);
    for (let kill = 0; kill < kills; kill += 1) {
      const before = countPushes();
      await expect
        .poll(countPushes, { timeout: 60_000, interval: 5 })
        .toBeGreaterThanOrEqual(before + PUSHES_BETWEEN_KILLS);
      // The moment of the kill is what is random here; nothing is waited for.
      await after(random() * MAX_DELAY_MS);
      gate.shut();
      await killOne(watched[Math.floor(random() * watched.length)], random() < 0.5);
      gate.open();
    }
    for (const { pusher } of watched) await pusher.stop();
    for (const { gateway } of watched) await awaitPublished(gateway.databaseUrl);
    await agree(watched);
    for (const { observer } of watched) await observer.stop();
    let checkpoints = 0;
    for (const { gateway, pusher, observer } of watched) {
      await verifyPushes(gateway.url, gateway.databaseUrl, pusher.acknowledged);
      const { verifierKey } = await readKeys(gateway.url);
      checkpoints += await verifyHistory(observer.notes, `${gateway.url}/log/public`, verifierKey);
    }
    return { acknowledged: countPushes(), checkpoints };
  } finally {
    gate.open();
    await Promise.all(watched.flatMap(({ observer, pusher }) => [observer.stop(), pusher.stop()]));
    await federation.close();
  }
}

function watch({ organisations }: TestFederation, gate: Gate): readonly Watched[] {
  return organisations.map((organisation) => {
    const { gateway } = organisation;
    const target = {
      url: () => gateway.url,
      token: (repository: string) => gateway.token(gateway.publisher, `repository:${repository}:pull,push`),
    };
    const observer = new Observer(() => `${gateway.url}/log/public`);
    return { ...organisation, pusher: new Pusher(target, gate), observer };
  });
}

async function killOne(victim: Watched | undefined, isGateway: boolean): Promise<void> {
  if (victim === undefined) throw new Error('There is nobody to kill.');
  if (isGateway) {
    await victim.gateway.kill9();
    await victim.gateway.restart();
  } else {
    await victim.nats.kill9();
    await victim.nats.start();
  }
}

/** Waits until every organisation holds every other's log as it is published, and serves its tags. */
async function agree(watched: readonly Watched[]): Promise<void> {
  for (const { gateway: origin, pusher } of watched) {
    const { verifierKey } = await readKeys(origin.url);
    const log = await readWholeLog(`${origin.url}/log/public`, verifierKey);
    const newest = newestTags(pusher.acknowledged);
    for (const { gateway: holder } of watched) {
      if (holder.organisation === origin.organisation) continue;
      const mirror = `${holder.url}/mirror/${hashOf(`${origin.organisation}/ledger/public`)}`;
      await expect.poll(() => sizeOf(`${mirror}/checkpoint`, verifierKey), AGREE).toBe(log.size);
      const mirrored = await readWholeLog(mirror, verifierKey);
      expect(mirrored.leafHashes).toEqual(log.leafHashes);
      for (const push of newest) {
        await expect
          .poll(() => digestAt(holder, origin.organisation, push), AGREE)
          .toBe(push.image.descriptor.digest);
      }
    }
  }
}

/** The last push of each repository's each tag: the pushers use a tag once. */
function newestTags(acknowledged: readonly AcknowledgedPush[]): readonly AcknowledgedPush[] {
  return [...new Map(acknowledged.map((push) => [`${push.repository}:${push.tag}`, push])).values()];
}

const hashOf = (origin: string): string => createHash('sha256').update(origin).digest('hex');

async function sizeOf(checkpointUrl: string, verifierKey: string): Promise<bigint> {
  const note = (await fetchBytes(checkpointUrl).catch(() => undefined))?.toString();
  if (note === undefined) return -1n;
  return openCheckpoint(note, parseVerifierKey(verifierKey)).checkpoint.size;
}

async function digestAt(
  { url }: TestGateway,
  organisation: string,
  { repository, tag }: AcknowledgedPush,
): Promise<string | null> {
  const answer = await fetch(`${url}/v2/${organisation}/${repository}/manifests/${tag}`);
  await answer.arrayBuffer();
  return answer.headers.get('docker-content-digest');
}
