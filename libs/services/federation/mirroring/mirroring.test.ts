import { PassThrough, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { randomBytes } from 'node:crypto';

import { ANONYMOUS } from '@dockchains/access';
import type { EntrySource, SourcedEntry } from '@dockchains/ledger';
import {
  OCI_LAYER_GZIP,
  parseManifestReference,
  parseRepositoryName,
  type RepositoryName,
} from '@dockchains/oci';
import { encodeRecord, type ManifestRecord, parseRecordId } from '@dockchains/records';
import { buildImage, type BuiltManifest, contentOf } from '@dockchains/testing';
import { parseOrigin } from '@dockchains/tlog';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { openRegistryFixture, type RegistryFixture } from '../../registry/testing/registry-fixture.ts';
import type { Peer } from '../peers/peers.ts';
import { type Mirroring, openMirroring } from './mirroring.ts';
import { type FakeGateway, startFakeGateway } from './testing/fake-gateway.ts';

const ORIGIN = parseOrigin('globex.example/ledger/public');
const MIRROR = parseRepositoryName('globex.example/public/app');
const LAYER_BYTES = 3 * 1024 * 1024;

let fixture: RegistryFixture;
let globex: FakeGateway;
let initech: FakeGateway;
let entries: SourcedEntry[];
let listeners: Set<() => void>;
let checkedAt: Date | undefined;
let mirroring: Mirroring;
let records = 0;

const peerOf = (organisation: string, { url }: FakeGateway): Peer => ({ organisation, url }) as Peer;

const source: EntrySource = {
  ...{ origin: ORIGIN, organisation: 'globex.example' },
  publishedSize: () => Promise.resolve(BigInt(entries.length)),
  read: (start, limit) => Promise.resolve(entries.slice(Number(start), Number(start) + limit)),
  subscribe(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

const replication = {
  sources: () => [source],
  status: () => {
    const size = BigInt(entries.length);
    return Promise.resolve([
      {
        ...{ origin: ORIGIN, organisation: 'globex.example', held: size, mirroredSize: size },
        ...{ publishedSize: size, publishedAt: checkedAt, checkedAt, frozen: undefined },
        ...{ target: undefined, trouble: undefined },
      },
    ]);
  },
};

const open = (): Mirroring => {
  const { database, blobs, registry } = fixture;
  const all = [peerOf('globex.example', globex), peerOf('initech.example', initech)];
  const peers = {
    list: () => Promise.resolve(all),
    find: (name: string) => Promise.resolve(all.find(({ organisation }) => organisation === name)),
  };
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  return openMirroring({
    ...{ database, blobs, registry, peers, log, replication },
    ...{ organisation: 'acme.example', clock: () => fixture.now },
  });
};

beforeEach(async () => {
  [fixture, globex, initech] = await Promise.all([
    openRegistryFixture(),
    startFakeGateway(),
    startFakeGateway(),
  ]);
  entries = [];
  listeners = new Set();
  checkedAt = fixture.now;
  mirroring = open();
});
afterEach(async () => {
  await mirroring.close();
  await Promise.all([fixture.close(), globex.close(), initech.close()]);
});

/** What a record of one kind says beside whose it is and when it was made. */
type Facts<Told extends ManifestRecord = ManifestRecord> = Told extends ManifestRecord
  ? Omit<Told, 'organisation' | 'repository' | 'time' | 'recordId'>
  : never;

const tell = (facts: Facts, organisation = 'globex.example', repository = 'public/app'): void => {
  records += 1;
  const record: ManifestRecord = {
    ...facts,
    ...{ organisation, repository, time: '2026-01-01T00:00:00.000Z' },
    recordId: parseRecordId(records.toString(16).padStart(32, '0')),
  };
  entries.push({ index: BigInt(entries.length), entry: encodeRecord(record) });
};

/** What a push to globex leaves in its ledger and at its gateway. */
const publish = (tag: string, image: BuiltManifest, gateway: FakeGateway = globex): void => {
  const { digest, mediaType, size } = image.descriptor;
  gateway.manifests.set(digest, { mediaType, bytes: image.bytes });
  for (const { descriptor, bytes } of image.blobs) gateway.blobs.set(descriptor.digest, bytes);
  tell({ kind: 'manifest-published', digest, mediaType, size });
  tell({ kind: 'tag-set', tag, digest, mediaType, size });
  for (const listener of listeners) listener();
};

const pull = (reference: string, repository: RepositoryName = MIRROR) =>
  mirroring.getManifest({ principal: ANONYMOUS, repository, reference: parseManifestReference(reference) });

/** Waits until the work has come true. */
const eventually = (work: () => Promise<void> | void): Promise<void> =>
  vi.waitFor(work, { timeout: 60_000, interval: 20 });

const followed = (tag: string, image: BuiltManifest): Promise<void> =>
  eventually(async () => {
    expect((await pull(tag)).digest).toBe(image.descriptor.digest);
  });

const largeImage = (): BuiltManifest =>
  buildImage({ layers: [contentOf(randomBytes(LAYER_BYTES), OCI_LAYER_GZIP)] });

const layerOf = ({ blobs }: BuiltManifest) => {
  const layer = blobs.at(-1);
  if (layer === undefined) throw new Error('the image has no layer');
  return layer;
};

const getBlob = (image: BuiltManifest, local = false) =>
  mirroring.getBlob({
    principal: ANONYMOUS,
    repository: MIRROR,
    digest: layerOf(image).descriptor.digest,
    local,
  });

const readAll = async (image: BuiltManifest): Promise<Buffer> => {
  await using opened = await (await getBlob(image)).open();
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      chunks.push(Buffer.from(chunk)); // the piece is written over behind the callback
      callback();
    },
  });
  await opened.sendTo(sink);
  return Buffer.concat(chunks);
};

const blobRequests = (gateway: FakeGateway, image: BuiltManifest) =>
  gateway.requests.filter(({ path }) => path.endsWith(`/blobs/${layerOf(image).descriptor.digest}`));

describe('a mirror', () => {
  test('gives what its origin published, bytes unchanged, and its config without the origin', async () => {
    const image = buildImage();
    publish('1.0', image);
    await followed('1.0', image);
    const manifest = await pull('1.0');
    expect(await manifest.read()).toEqual(image.bytes);
    expect(manifest.freshness).toEqual({ ageSeconds: 0 });
    const [config] = image.blobs;
    globex.away = true;
    const stored = await mirroring.getBlob({
      ...{ principal: ANONYMOUS, repository: MIRROR, local: false },
      digest: config?.descriptor.digest ?? image.descriptor.digest,
    });
    expect(stored.size).toBe(config?.descriptor.size);
    await using opened = await stored.open();
    expect(opened).toBeDefined();
  });

  test('fetches a layer from its origin once, for many who ask at the same time', async () => {
    const image = largeImage();
    publish('1.0', image);
    await followed('1.0', image);
    const all = await Promise.all(Array.from({ length: 20 }, () => readAll(image)));
    for (const bytes of all) expect(bytes.equals(layerOf(image).bytes)).toBe(true);
    expect(blobRequests(globex, image)).toHaveLength(1);
    expect(blobRequests(globex, image)[0]?.via).toBe('acme.example');
    globex.away = true;
    expect((await readAll(image)).equals(layerOf(image).bytes)).toBe(true);
  });

  test('gives the bytes on before it has them all, but for the last', async () => {
    const image = buildImage({ layers: [contentOf(randomBytes(6 * 1024 * 1024), OCI_LAYER_GZIP)] });
    publish('1.0', image);
    await followed('1.0', image);
    const gate = Promise.withResolvers<undefined>();
    globex.gate = gate.promise;
    const stored = await getBlob(image);
    await using opened = await stored.open();
    let received = 0;
    const first = Promise.withResolvers<undefined>();
    const sink = new Writable({
      write(chunk: Buffer, _encoding, callback) {
        received += chunk.length;
        first.resolve(undefined);
        callback();
      },
    });
    const sending = opened.sendTo(sink);
    await first.promise;
    expect(received).toBeLessThan(stored.size);
    gate.resolve(undefined);
    expect(await sending).toBe(true);
    expect(received).toBe(stored.size);
  });

  test('goes on with another peer where one breaks off', async () => {
    const image = largeImage();
    publish('1.0', image);
    await followed('1.0', image);
    initech.blobs.set(layerOf(image).descriptor.digest, layerOf(image).bytes);
    globex.answer = 'broken';
    expect((await readAll(image)).equals(layerOf(image).bytes)).toBe(true);
    const [request] = blobRequests(initech, image);
    expect(request?.path).toContain('/v2/globex.example/public/app/blobs/');
    expect(request?.range).toMatch(/^bytes=[1-9]/);
  });

  test('takes nothing from a peer that ignores the range, and lets go of its answer at once', async () => {
    const image = largeImage();
    publish('1.0', image);
    await followed('1.0', image);
    initech.blobs.set(layerOf(image).descriptor.digest, layerOf(image).bytes);
    globex.answer = 'broken';
    initech.answer = 'rangeless';
    initech.gate = new Promise(() => undefined);
    await expect(readAll(image)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    await expect.poll(() => initech.cutOff).toBe(1);
  });

  test.each(['corrupt', 'longer'] as const)(
    'takes nothing from a peer whose bytes are %s',
    async (answer) => {
      const image = largeImage();
      publish('1.0', image);
      await followed('1.0', image);
      initech.blobs.set(layerOf(image).descriptor.digest, layerOf(image).bytes);
      globex.answer = answer;
      // Who was given wrong bytes meanwhile does not get the last ones; the next is given the right ones.
      await readAll(image).catch(() => undefined);
      expect((await readAll(image)).equals(layerOf(image).bytes)).toBe(true);
    },
  );

  test('says that its origin can’t be reached, never that there is no blob, and keeps no part of it', async () => {
    const image = largeImage();
    publish('1.0', image);
    await followed('1.0', image);
    globex.answer = 'corrupt';
    await expect(readAll(image)).rejects.toThrow();
    globex.away = true;
    await expect(readAll(image)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    expect(await fixture.blobs.listUploads()).toEqual([]);
    expect(await fixture.blobs.stat(layerOf(image).descriptor.digest)).toBeUndefined();
  });

  test('asked by another mirror gives what it holds and fetches nothing', async () => {
    const image = largeImage();
    publish('1.0', image);
    await followed('1.0', image);
    await expect(getBlob(image, true)).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
    expect(blobRequests(globex, image)).toEqual([]);
    await readAll(image);
    await eventually(async () => {
      expect((await getBlob(image, true)).size).toBe(LAYER_BYTES);
    });
  });

  test('does not end with a reader that goes away', async () => {
    const image = largeImage();
    publish('1.0', image);
    await followed('1.0', image);
    const sink = new PassThrough();
    sink.destroy();
    await finished(sink).catch(() => undefined);
    await using opened = await (await getBlob(image)).open();
    expect(await opened.sendTo(sink)).toBe(false);
    expect((await readAll(image)).equals(layerOf(image).bytes)).toBe(true);
    expect(blobRequests(globex, image)).toHaveLength(1);
  });
});

describe('a policy', () => {
  test('on announcement has the layers here before somebody pulls them', async () => {
    const early = largeImage();
    publish('0.9', early);
    await followed('0.9', early);
    await mirroring.policies.set({ pattern: 'globex.example/**', fetch: 'on-announcement' });
    const image = largeImage();
    publish('1.0', image);
    for (const one of [image, early]) {
      await eventually(async () => {
        expect((await getBlob(one, true)).size).toBe(LAYER_BYTES);
      });
    }
    globex.away = true;
    expect((await readAll(image)).equals(layerOf(image).bytes)).toBe(true);
  });

  test('on schedule fetches once so often, by whichever gateway is first', async () => {
    const policy = { pattern: 'globex.example/**', fetch: 'on-schedule', everySeconds: 3600 };
    await mirroring.policies.set(policy);
    expect(await mirroring.policies.takeDue(fixture.now).then((due) => due.length)).toBeLessThanOrEqual(1);
    expect(await mirroring.policies.takeDue(fixture.now)).toEqual([]);
    const image = largeImage();
    publish('1.0', image);
    await followed('1.0', image);
    expect(blobRequests(globex, image)).toEqual([]);
    fixture.now = new Date(fixture.now.getTime() + 3_600_000);
    await eventually(async () => {
      expect((await getBlob(image, true)).size).toBe(LAYER_BYTES);
    });
  });

  test('never keeps no layers, and says so', async () => {
    await mirroring.policies.set({ pattern: 'globex.example/public/*', fetch: 'never' });
    const image = largeImage();
    publish('1.0', image);
    await followed('1.0', image);
    await expect(getBlob(image)).rejects.toMatchObject({ code: 'NOT_MIRRORED' });
    await mirroring.policies.set({ pattern: 'globex.example/public/app', fetch: 'on-demand' });
    expect((await readAll(image)).equals(layerOf(image).bytes)).toBe(true);
    await mirroring.policies.remove('globex.example/public/app');
    await expect(mirroring.policies.remove('globex.example/public/app')).rejects.toMatchObject({
      code: 'RULE_UNKNOWN',
    });
  });

  test('with a limit lets the layers go that were fetched first, and collection frees their bytes', async () => {
    const maxBytes = BigInt(2 * LAYER_BYTES);
    await mirroring.policies.set({ pattern: 'globex.example/**', fetch: 'on-demand', maxBytes });
    const images = [largeImage(), largeImage(), largeImage()];
    for (const [number, image] of images.entries()) {
      publish(`${number}`, image);
      await followed(`${number}`, image);
      expect((await readAll(image)).equals(layerOf(image).bytes)).toBe(true);
      await eventually(async () => {
        expect((await getBlob(image, true)).size).toBe(LAYER_BYTES);
      });
    }
    expect(await fixture.registry.mirrors.countBytes('globex.example/**')).toBeLessThanOrEqual(maxBytes);
    const [first] = images;
    if (first === undefined) throw new Error('there is no image');
    await expect(getBlob(first, true)).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
    fixture.now = new Date(fixture.now.getTime() + 2 * 3_600_000);
    await fixture.registry.runCollection(new AbortController().signal);
    expect(await fixture.blobs.stat(layerOf(first).descriptor.digest)).toBeUndefined();
    expect((await readAll(first)).equals(layerOf(first).bytes)).toBe(true);
  });

  test.each([
    { pattern: 'globex.example/***', fetch: 'on-demand' },
    { pattern: '**', fetch: 'sometimes' },
    { pattern: '**', fetch: 'on-schedule' },
    { pattern: '**', fetch: 'on-schedule', everySeconds: 59 },
    { pattern: '**', fetch: 'on-demand', everySeconds: 60 },
    { pattern: '**', fetch: 'on-demand', maxBytes: 0n },
  ])('is refused as $pattern $fetch $everySeconds $maxBytes', async (policy) => {
    await expect(mirroring.policies.set(policy)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    expect(await mirroring.policies.list()).toEqual([]);
  });
});

describe('tags', () => {
  test('move in the order of the ledger alone, and wait for a manifest that can’t be fetched now', async () => {
    const [first, second] = [buildImage(), buildImage()];
    publish('1.0', first);
    await followed('1.0', first);
    globex.away = true;
    publish('1.0', second);
    publish('2.0', first);
    await eventually(() => {
      expect(globex.requests.some(({ path }) => path.endsWith(second.descriptor.digest))).toBe(true);
    });
    expect((await pull('1.0')).digest).toBe(first.descriptor.digest);
    globex.away = false;
    await followed('1.0', second);
    await followed('2.0', first);
  });

  test('name nothing where their manifest was deleted before it was fetched, and the ledger is followed on', async () => {
    const [lost, next] = [buildImage(), buildImage()];
    publish('1.0', lost);
    globex.manifests.delete(lost.descriptor.digest);
    publish('2.0', next);
    await followed('2.0', next);
    await expect(pull('1.0')).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
  });

  test('say how old they are; what a mirror can’t know of is not said to be absent', async () => {
    const image = buildImage();
    publish('1.0', image);
    await followed('1.0', image);
    await eventually(async () => {
      expect((await pull('1.0')).freshness?.ageSeconds).toBe(0);
    });
    await expect(pull('9.9')).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
    fixture.now = new Date(fixture.now.getTime() + 90_000);
    expect((await pull('1.0')).freshness).toEqual({ ageSeconds: 90 });
    await expect(pull('9.9')).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    const unknown = parseRepositoryName('globex.example/public/other');
    await expect(pull('1.0', unknown)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    const stranger = parseRepositoryName('umbrella.example/public/app');
    await expect(pull('1.0', stranger)).rejects.not.toMatchObject({ code: 'PEER_UNREACHABLE' });
  });

  test('of a record that names another organisation are not set', async () => {
    const image = buildImage();
    const { digest, mediaType, size } = image.descriptor;
    tell({ kind: 'tag-set', tag: '1.0', digest, mediaType, size }, 'initech.example');
    const next = buildImage();
    publish('2.0', next);
    await followed('2.0', next);
    await expect(pull('1.0')).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
  });

  test('are followed from where they were after a restart', async () => {
    const [first, second] = [buildImage(), buildImage()];
    publish('1.0', first);
    await followed('1.0', first);
    await mirroring.close();
    publish('1.0', second);
    globex.requests.length = 0;
    mirroring = open();
    await followed('1.0', second);
    expect(globex.requests.some(({ path }) => path.endsWith(first.descriptor.digest))).toBe(false);
  });
});
