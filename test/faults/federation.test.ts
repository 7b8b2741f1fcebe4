import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { expectEqualCatalogs } from './check-catalogs.ts';
import { checkFederation, expectNoContradiction, expectPullable } from './check-federation.ts';
import { FAULTS } from './federation-faults.ts';
import { seeded } from './seeded.ts';
import { Observer } from './observer.ts';
import { verifyPushes } from './verify.ts';
import { startWatchedFederation, type Watched, type WatchedFederation } from './watched-federation.ts';

const SOON = { timeout: 60_000, interval: 20 };
const PUSHES = 1;

let under: WatchedFederation;
const seed = Math.floor(Math.random() * 2 ** 32);
const random = seeded(seed);

beforeAll(async () => {
  under = await startWatchedFederation();
});
afterAll(() => under.close());

/** The newest push of an organisation as another shows it, by its tag. */
const showsAll = async (holder: Watched, origin: Watched, count: number): Promise<boolean> => {
  const push = origin.pusher.acknowledged[count - 1];
  if (push === undefined) return false;
  const prefix = holder === origin ? '' : `${origin.organisation.name}/`;
  const { url } = holder.organisation.gateway;
  const answer = await fetch(`${url}/v2/${prefix}${push.repository}/manifests/${push.tag}`, {
    method: 'HEAD',
  }).catch(() => undefined);
  return answer?.headers.get('docker-content-digest') === push.image.descriptor.digest;
};

/** What is pushed to each now reaches everybody. */
const expectPassage = async (): Promise<void> => {
  const counts = new Map(under.watched.map((one) => [one, one.pusher.acknowledged.length + PUSHES]));
  for (const [origin, count] of counts) {
    for (const holder of under.watched) {
      await expect.poll(() => showsAll(holder, origin, count), SOON).toBe(true);
    }
  }
};

/** Somebody can be pushed to. */
const expectPushes = async (): Promise<void> => {
  const before = under.countPushes();
  await expect.poll(under.countPushes, SOON).toBeGreaterThanOrEqual(before + PUSHES);
};

/** An organisation publishes what was pushed to it by now. */
const expectPublication = async ({ observers: [own] }: Watched): Promise<void> => {
  const seen = own?.notes.length ?? 0;
  await expect.poll(() => own?.notes.length, SOON).toBeGreaterThan(seen + 1);
};

describe('while images are pushed to three organisations', () => {
  test('what is pushed reaches everybody', async ({ annotate }) => {
    await annotate(`seed ${seed}`);
    await expectPassage();
  });

  test.for(FAULTS)(
    '$name, is mended, and what is pushed reaches everybody',
    { timeout: 120_000 },
    async ({ strikes, inject, obstacle }, { skip }) => {
      skip(obstacle !== undefined, obstacle);
      const mend = await inject(under.federation, random);
      if (strikes !== 'all') await expectPushes();
      // Each has another peer to cosign for it.
      if (strikes === 'link') await Promise.all(under.watched.map(expectPublication));
      await mend();
      await expectPassage();
    },
  );

  test('behind all of it they agree on everything', async ({ annotate }) => {
    await under.quiet();
    const { entries, tags, checkpoints } = await checkFederation(under.watched);
    await annotate(`${entries} entries, ${tags} tags, ${checkpoints} checkpoints seen`);
    const befallen = FAULTS.filter(({ obstacle }) => obstacle === undefined);
    expect(tags).toBeGreaterThanOrEqual(befallen.length * PUSHES);
  }, 300_000);

  test('and had they not agreed, it would have been seen', async () => {
    const [one, other] = under.watched;
    const push = one?.pusher.acknowledged[0];
    if (one === undefined || other === undefined || push === undefined) throw new Error('nothing was pushed');
    const { name } = one.organisation;
    const digest = push.image.descriptor.digest;
    const absent = new Map([['public/app0:absent', digest]]);
    const all = new Map(under.watched.map(({ organisation }) => [organisation.name, absent]));
    await expect(expectEqualCatalogs(under.watched, all)).rejects.toThrow('absent');
    await expect(expectPullable(other.organisation, name, absent)).rejects.toThrow('absent');
    await expect(
      verifyPushes(one.organisation.gateway.url, one.organisation.gateway.databaseUrl, [
        { ...push, recordId: '0'.repeat(32) },
      ]),
    ).rejects.toThrow('undefined');
    const backwards = new Observer(() => '');
    for (const { notes } of one.observers.slice(0, 1)) backwards.notes.push(...notes.toReversed());
    await expect(expectNoContradiction({ ...one, observers: [backwards] })).rejects.toThrow('went back');
  });
});
