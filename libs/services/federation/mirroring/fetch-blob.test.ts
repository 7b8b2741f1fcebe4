import { randomBytes } from 'node:crypto';

import { digestOf, parseRepositoryName } from '@dockchains/oci';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { openRegistryFixture, type RegistryFixture } from '../../registry/testing/registry-fixture.ts';
import type { Peer } from '../peers/peers.ts';
import { openBlobFetches } from './fetch-blob.ts';
import { openHolders } from './holders.ts';
import { openMirrorPolicies } from './policies.ts';
import { type FakeGateway, startFakeGateway } from './testing/fake-gateway.ts';

const PLACES = 32;

const log = { info: vi.fn() };

let fixture: RegistryFixture;
let globex: FakeGateway;
let initech: FakeGateway;

beforeEach(async () => {
  [fixture, globex, initech] = await Promise.all([
    openRegistryFixture(),
    startFakeGateway(),
    startFakeGateway(),
  ]);
});
afterEach(async () => {
  await Promise.all([fixture.close(), globex.close(), initech.close()]);
});

const peerOf = (organisation: string, { url }: FakeGateway): Peer => ({ organisation, url }) as Peer;

const blobOf = (organisation: string, gateway: FakeGateway) => {
  const bytes = randomBytes(5_000);
  const digest = digestOf(bytes);
  gateway.blobs.set(digest, bytes);
  return { repository: parseRepositoryName(`${organisation}/public/app`), digest };
};

test('a peer that is slow keeps so many places, and none of another’s', async () => {
  const { database, blobs, registry } = fixture;
  const fetchBlob = openBlobFetches({
    log,
    ...{ database, blobs, organisation: 'acme.example', policies: openMirrorPolicies(database) },
    holders: openHolders({
      list: () => Promise.resolve([peerOf('globex.example', globex), peerOf('initech.example', initech)]),
    }),
    registry: {
      mirrors: {
        ...registry.mirrors,
        ensureLinked: () => Promise.resolve(false),
        commitBlob: () => Promise.resolve(),
      },
    },
  });
  const gate = Promise.withResolvers<undefined>();
  globex.gate = gate.promise;
  const wanted = Array.from({ length: PLACES + 8 }, () => blobOf('globex.example', globex));
  const fetching = wanted.map((blob) => fetchBlob(blob, 5_000));
  // Who asks for what is fetched already takes no place.
  fetching.push(...wanted.slice(0, PLACES).map((blob) => fetchBlob(blob, 5_000)));
  await expect.poll(() => globex.requests.length).toBe(PLACES);

  const other = await fetchBlob(blobOf('initech.example', initech), 5_000);
  await other?.done;
  expect(globex.requests).toHaveLength(PLACES);

  gate.resolve(undefined);
  for (const fetch of await Promise.all(fetching)) await fetch?.done;
  expect(globex.requests).toHaveLength(wanted.length);
});

test('policy and holders are looked up while the lock is waited for, and nothing is fetched before it is had', async () => {
  const { database, blobs, registry } = fixture;
  const asked: string[] = [];
  const policies = openMirrorPolicies(database);
  const had = Promise.withResolvers<undefined>();
  const fetchBlob = openBlobFetches({
    log,
    ...{ blobs, organisation: 'acme.example', registry },
    policies: { find: (repository) => (asked.push('policy'), policies.find(repository)) },
    holders: openHolders({
      list: () => (asked.push('holders'), Promise.resolve([peerOf('globex.example', globex)])),
    }),
    database: { tryLock: (key) => had.promise.then(() => database.tryLock(key)) },
  });
  const blob = blobOf('globex.example', globex);
  const fetching = fetchBlob(blob, 5_000);
  await expect.poll(() => asked.toSorted()).toEqual(['holders', 'policy']);
  expect(globex.requests).toEqual([]);
  had.resolve(undefined);
  await (
    await fetching
  )?.done;
  expect(globex.requests).toHaveLength(1);
  expect((await blobs.stat(blob.digest))?.size).toBe(5_000);
});

test('a policy that can’t be looked up fails the fetch, and its place and lock are free again', async () => {
  const { database, blobs, registry } = fixture;
  const policies = openMirrorPolicies(database);
  const find = vi.fn(policies.find.bind(policies)).mockRejectedValueOnce(new Error('no database'));
  const holders = openHolders({ list: () => Promise.resolve([peerOf('globex.example', globex)]) });
  const fetchBlob = openBlobFetches({
    log,
    ...{ database, blobs, organisation: 'acme.example', registry, policies: { find }, holders },
  });
  const blob = blobOf('globex.example', globex);
  await expect(fetchBlob(blob, 5_000)).rejects.toThrow('no database');
  await (
    await fetchBlob(blob, 5_000)
  )?.done;
  expect(globex.requests).toHaveLength(1);
});

test('a layer that nobody gives is told of in the log, with why', async () => {
  const { database, blobs, registry } = fixture;
  const fetchBlob = openBlobFetches({
    log,
    ...{ database, blobs, organisation: 'acme.example', registry, policies: openMirrorPolicies(database) },
    holders: openHolders({ list: () => Promise.resolve([peerOf('globex.example', globex)]) }),
  });
  const blob = blobOf('globex.example', globex);
  globex.blobs.clear();
  await expect((await fetchBlob(blob, 5_000))?.done).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  expect(log.info).toHaveBeenLastCalledWith(
    { organisation: 'globex.example', reason: expect.stringContaining('404') as unknown },
    'a layer of a mirror could not be fetched',
  );
});
