import { setTimeout as after } from 'node:timers/promises';

import { createDatabaseOn, startGateway, startPrivatePostgres } from '@dockchains/testing';
import { expect } from 'vitest';

import { Gate } from './gate.ts';
import { Observer, verifyHistory } from './observer.ts';
import { Pusher } from './pusher.ts';
import { seeded } from './seeded.ts';
import { awaitPublished, readKeys, verifyPushes } from './verify.ts';

const WORKERS = 6;
const PUSHES_BETWEEN_KILLS = 8;
const MAX_DELAY_MS = 300;

/** What a run of kills left behind. */
export interface KillRun {
  readonly acknowledged: number;
  readonly checkpoints: number;
  readonly failures: ReadonlyMap<string, number>;
}

/**
 * Kills the gateway or PostgreSQL with SIGKILL `kills` times at random moments under concurrent pushes, bringing the
 * victim back each time, and then checks everything that was acknowledged or served.
 */
export async function runKills(kills: number, seed: number): Promise<KillRun> {
  const random = seeded(seed);
  const postgres = await startPrivatePostgres();
  const { url: databaseUrl } = await createDatabaseOn(postgres.url('postgres'));
  const gateway = await startGateway({ database: databaseUrl });
  const gate = new Gate();
  const pusher = new Pusher(
    {
      url: () => gateway.url,
      token: (repository) => gateway.token(gateway.publisher, `repository:${repository}:pull,push`),
    },
    gate,
  );
  const observer = new Observer(() => `${gateway.url}/log/public`);
  try {
    observer.start();
    pusher.start(WORKERS);
    for (let kill = 0; kill < kills; kill += 1) {
      const before = pusher.acknowledged.length;
      await expect
        .poll(() => pusher.acknowledged.length, { timeout: 60_000, interval: 5 })
        .toBeGreaterThanOrEqual(before + PUSHES_BETWEEN_KILLS);
      // The moment of the kill is what is random here; nothing is waited for.
      await after(random() * MAX_DELAY_MS);
      gate.shut();
      if (random() < 0.5) {
        await gateway.kill9();
        await gateway.restart();
      } else {
        await postgres.kill9();
        await postgres.start();
        await expect.poll(() => isReady(gateway.url), { interval: 20 }).toBe(true);
      }
      gate.open();
    }
    await pusher.stop();
    await awaitPublished(databaseUrl);
    await observer.stop();
    const { verifierKey } = await readKeys(gateway.url);
    await verifyPushes(gateway.url, databaseUrl, pusher.acknowledged);
    const checkpoints = await verifyHistory(observer.notes, `${gateway.url}/log/public`, verifierKey);
    return { acknowledged: pusher.acknowledged.length, checkpoints, failures: pusher.failures };
  } finally {
    gate.open();
    await observer.stop();
    await pusher.stop();
    await gateway.close();
    await postgres.remove();
  }
}

const isReady = async (url: string): Promise<boolean> => {
  const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
  return answer?.status === 200 && (await answer.text()).includes('"ready"');
};
