import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { buildImage, createDatabaseOn, startGateway, startPrivatePostgres } from '@dockchains/testing';
import { expect, test } from 'vitest';

import { Observer, verifyHistory } from './observer.ts';
import { pushImage, PushFailure, type AcknowledgedPush } from './pusher.ts';
import { awaitPublished, readKeys, verifyPushes } from './verify.ts';

const PARALLEL = 10;

test.each([
  { name: 'while the gateway runs on', gatewayStops: false },
  { name: 'while the gateway is down', gatewayStops: true },
])(
  'L2: PostgreSQL put back to an earlier copy $name: the ledger freezes, recovers, contradicts nothing',
  async (how) => {
    const folder = await mkdtemp(join(tmpdir(), 'dockchains-restore-'));
    const postgres = await startPrivatePostgres();
    const { url: databaseUrl } = await createDatabaseOn(postgres.url('postgres'));
    const gateway = await startGateway({ database: databaseUrl });
    const observer = new Observer(() => `${gateway.url}/log/public`);
    const acknowledged: AcknowledgedPush[] = [];
    const pushMany = async (from: number, count: number): Promise<void> => {
      const token = await gateway.token(gateway.publisher, 'repository:public/app:pull,push');
      const pushOne = (tag: string): Promise<AcknowledgedPush> =>
        pushImage(gateway.url, token, 'public/app', tag, buildImage({ layers: [], annotations: { tag } }));
      for (let tag = from; tag < from + count; tag += PARALLEL) {
        const tags = Array.from({ length: Math.min(PARALLEL, from + count - tag) }, (_, n) => `t${tag + n}`);
        acknowledged.push(...(await Promise.all(tags.map(pushOne))));
      }
    };
    try {
      observer.start();
      await pushMany(0, 40);
      await awaitPublished(databaseUrl);
      await postgres.stop();
      await postgres.snapshot(join(folder, 'earlier'));
      await postgres.start();

      // Enough for full tiles: part of what is missing later lies in final bundles, part is staged only.
      await pushMany(40, 140);
      await awaitPublished(databaseUrl);
      const served = observer.notes.at(-1);

      if (how.gatewayStops) await gateway.kill9();
      await postgres.stop();
      await postgres.restore(join(folder, 'earlier'));
      await postgres.start();
      if (how.gatewayStops) await gateway.restart();

      await expect.poll(() => gateway.logs(), { interval: 50 }).toContain('ledger recovered');
      expect(gateway.logs()).toContain('ledger frozen');
      await pushMany(180, 5);
      await awaitPublished(databaseUrl);
      await observer.stop();

      const { verifierKey } = await readKeys(gateway.url);
      const log = await verifyPushes(gateway.url, databaseUrl, acknowledged);
      expect(log.size).toBe(370n);
      await verifyHistory(observer.notes, `${gateway.url}/log/public`, verifierKey);
      expect(observer.notes).toContain(served);
    } finally {
      await observer.stop();
      await gateway.close();
      await postgres.remove();
      await rm(folder, { recursive: true, force: true });
    }
  },
);

test('a ledger that cannot be recovered answers writes 503 with Retry-After, and reads go on', async () => {
  const postgres = await startPrivatePostgres();
  const { url: databaseUrl } = await createDatabaseOn(postgres.url('postgres'));
  const gateway = await startGateway({ database: databaseUrl });
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-restore-'));
  try {
    const token = await gateway.token(gateway.publisher, 'repository:public/app:pull,push');
    const push = await pushImage(gateway.url, token, 'public/app', 'first');
    await awaitPublished(databaseUrl);
    await postgres.stop();
    await postgres.snapshot(join(folder, 'earlier'));
    await postgres.start();
    await pushImage(gateway.url, token, 'public/app', 'second');
    await awaitPublished(databaseUrl);
    await gateway.kill9();
    await postgres.stop();
    await postgres.restore(join(folder, 'earlier'));
    await postgres.start();
    await rm(join(gateway.dataDir, 'blobs/tiles/log/public/staging'), { recursive: true });
    await gateway.restart();

    const fresh = await gateway.token(gateway.publisher, 'repository:public/app:pull,push');
    const refused = await pushImage(gateway.url, fresh, 'public/app', 'third').catch(
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(PushFailure);
    expect(refused).toMatchObject({ status: 503 });
    expect(Number((refused as PushFailure).retryAfter)).toBeGreaterThan(0);
    const read = await fetch(`${gateway.url}/v2/public/app/manifests/${push.tag}`);
    expect(read.status).toBe(200);
  } finally {
    await gateway.close();
    await postgres.remove();
    await rm(folder, { recursive: true, force: true });
  }
});
