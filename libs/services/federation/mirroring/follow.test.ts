import type { EntrySource, SourcedEntry } from '@dockchains/ledger';
import { encodeRecord, parseRecordId } from '@dockchains/records';
import { buildImage } from '@dockchains/testing';
import { parseOrigin } from '@dockchains/tlog';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openRegistryFixture, type RegistryFixture } from '../../registry/testing/registry-fixture.ts';
import { FederationError } from '../errors.ts';
import type { Peer } from '../peers/peers.ts';
import { type FollowDeps, followPage, readPosition } from './follow.ts';
import { openHolders } from './holders.ts';
import { type FakeGateway, startFakeGateway } from './testing/fake-gateway.ts';

const ORGANISATION = 'globex.example';
const REPOSITORIES = ['public/app', 'public/web'];
const IMAGES = 18;
const LONG = 'x'.repeat(4 * 1024 * 1024);

let fixture: RegistryFixture;
let globex: FakeGateway;

beforeEach(async () => {
  [fixture, globex] = await Promise.all([openRegistryFixture(), startFakeGateway()]);
});
afterEach(async () => {
  await Promise.all([fixture.close(), globex.close()]);
});

/** A ledger that publishes images of 4 MiB in two repositories by turns, one of which is deleted first. */
const publishMany = (): { source: EntrySource; digests: readonly string[] } => {
  const images = Array.from({ length: IMAGES }, (_, n) =>
    buildImage({ layers: [], annotations: { long: LONG, n: `${n}` } }),
  );
  const entries: SourcedEntry[] = [];
  const tell = (facts: object, n: number): void => {
    const repository = REPOSITORIES[n % 2] ?? '';
    const recordId = parseRecordId(entries.length.toString(16).padStart(32, '0'));
    const record = { organisation: ORGANISATION, repository, recordId, time: '2026-01-01T00:00:00.000Z' };
    const entry = encodeRecord({ ...record, ...facts } as Parameters<typeof encodeRecord>[0]);
    entries.push({ index: BigInt(entries.length), entry });
  };
  const last = images.length - 1;
  tell({ kind: 'manifest-deleted', digest: images[last]?.descriptor.digest }, last);
  images.forEach(({ descriptor: { digest, mediaType, size }, bytes }, n) => {
    globex.manifests.set(digest, { mediaType, bytes });
    tell({ kind: 'manifest-published', digest, mediaType, size }, n);
  });
  const source: EntrySource = {
    ...{ origin: parseOrigin(`${ORGANISATION}/ledger/public`), organisation: ORGANISATION },
    publishedSize: () => Promise.resolve(BigInt(entries.length)),
    read: (start, limit) => Promise.resolve(entries.slice(Number(start), Number(start) + limit)),
    subscribe: () => () => undefined,
  };
  return { source, digests: images.map(({ descriptor }) => descriptor.digest) };
};

test('a page ends where its manifests would take too much, and the next goes on there', async () => {
  const { source, digests } = publishMany();
  let held = 0;
  const applied: string[] = [];
  const deps: FollowDeps = {
    database: fixture.database,
    mirrors: {
      ...fixture.registry.mirrors,
      listMissing: (_, wanted) => Promise.resolve(wanted),
      keepManifests(_, manifests) {
        held += manifests.reduce((sum, { bytes }) => sum + bytes.length, 0);
        return Promise.resolve();
      },
      begin: () => ({
        apply({ kind, digest }, { kept }) {
          if (kind === 'manifest-published' && kept.has(digest)) applied.push(digest);
          return Promise.resolve();
        },
        withdraw: () => Promise.resolve(),
      }),
    },
    holders: openHolders({
      list: () => Promise.resolve([{ organisation: ORGANISATION, url: globex.url } as Peer]),
    }),
    fetchBlob: () => Promise.reject(new FederationError('PEER_UNREACHABLE', 'Configs are not here.')),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  };
  let next = await readPosition(deps.database, source.origin);
  const pages: bigint[] = [];
  while (next < IMAGES + 1) {
    held = 0;
    next = await followPage(deps, source, next);
    expect(held).toBeLessThan(2 * 32 * 1024 * 1024);
    pages.push(next);
  }
  expect(pages.length).toBeGreaterThan(1);
  expect([...new Set(pages)]).toEqual(pages);
  expect(applied).toEqual(digests);
});
