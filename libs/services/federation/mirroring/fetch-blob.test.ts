import { randomBytes } from 'node:crypto';

import { digestOf, OciError, parseRepositoryName } from '@dockchains/oci';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openRegistryFixture, type RegistryFixture } from '../../registry/testing/registry-fixture.ts';
import type { Peer } from '../peers/peers.ts';
import { openBlobFetches } from './fetch-blob.ts';
import { openHolders } from './holders.ts';
import { openMirrorPolicies } from './policies.ts';
import { type FakeGateway, startFakeGateway } from './testing/fake-gateway.ts';

const PLACES = 32;

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
    ...{ database, blobs, organisation: 'acme.example', policies: openMirrorPolicies(database) },
    holders: openHolders({
      list: () => Promise.resolve([peerOf('globex.example', globex), peerOf('initech.example', initech)]),
    }),
    registry: {
      getBlob: () => Promise.reject(new OciError('BLOB_UNKNOWN', 'It is not here.')),
      mirrors: {
        ...registry.mirrors,
        linkPublic: () => Promise.resolve(false),
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
