import type { EntrySource } from '@dockchains/ledger';
import { parseOrigin } from '@dockchains/tlog';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openRegistryFixture, type RegistryFixture } from '../../registry/testing/registry-fixture.ts';
import { FederationError } from '../errors.ts';
import { Followers } from './followers.ts';
import { openHolders } from './holders.ts';

const ORGANISATION = 'globex.example';

let fixture: RegistryFixture;

beforeEach(async () => {
  fixture = await openRegistryFixture();
});
afterEach(() => fixture.close());

/** A ledger of no entries, which can't be read where `fails` says so; gives when it was read. */
const follow = async (fails: readonly boolean[]): Promise<readonly number[]> => {
  const times: number[] = [];
  const all = Promise.withResolvers<undefined>();
  const source: EntrySource = {
    ...{ origin: parseOrigin(`${ORGANISATION}/ledger/public`), organisation: ORGANISATION },
    publishedSize: () => Promise.resolve(0n),
    read: () => {
      times.push(performance.now());
      if (times.length === fails.length) all.resolve(undefined);
      if (fails[times.length - 1] !== true) return Promise.resolve([]);
      return Promise.reject(new FederationError('PEER_UNREACHABLE', 'It is away.'));
    },
    subscribe: () => () => undefined,
  };
  const followers = new Followers({
    database: fixture.database,
    mirrors: fixture.registry.mirrors,
    holders: openHolders({ list: () => Promise.resolve([]) }),
    fetchBlob: () => Promise.reject(new FederationError('PEER_UNREACHABLE', 'It is away.')),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    replication: { sources: () => [source], status: () => Promise.resolve([]) },
    clock: () => new Date(),
    onFollowed: () => undefined,
  });
  await all.promise;
  await followers.close();
  return times;
};

test('the pauses between tries grow, and begin anew once a try was good', async () => {
  const times = await follow([true, true, true, false, true, false]);
  const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  const [first = 0, , third = 0, , last = 0] = pauses;
  expect(third).toBeGreaterThan(2 * first);
  expect(last).toBeLessThan(third / 2);
});
