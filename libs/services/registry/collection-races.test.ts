import { randomInt } from 'node:crypto';
import { Readable } from 'node:stream';

import { digestOf, parseRepositoryName } from '@dockchains/oci';
import { buildImage } from '@dockchains/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { openRegistryFixture, type RegistryFixture, REPOSITORY } from './testing/registry-fixture.ts';

const LEASE_MS = 3_600_000;
const OTHER = parseRepositoryName('public/other');
const BYTES = Buffer.from('the bytes that all of them are about');
const DIGEST = digestOf(BYTES);

let fixture: RegistryFixture;
let running: Promise<unknown>[];

beforeAll(async () => {
  fixture = await openRegistryFixture();
});
afterAll(() => fixture.close());
beforeEach(() => {
  running = [];
});
afterEach(async () => {
  fixture.beforeQuery = () => Promise.resolve();
  await Promise.allSettled(running);
  outlive();
  await collect();
});

const put = (repository = REPOSITORY): Promise<void> =>
  fixture.registry.putBlob({
    ...{ principal: fixture.principal, repository, digest: DIGEST },
    source: Readable.from([BYTES]),
  });
const collect = () => fixture.registry.runCollection(new AbortController().signal);
const outlive = (): void => {
  fixture.now = new Date(fixture.now.getTime() + LEASE_MS);
};

/** What somebody does with the blob meanwhile; true if it was told that the blob is there now. */
const ACTS: Record<string, () => Promise<boolean>> = {
  'stores it again': () => put().then(() => true),
  'stores it elsewhere': () => put(OTHER).then(() => true),
  'uploads it in two requests': async () => {
    const place = { principal: fixture.principal, repository: OTHER };
    const id = await fixture.registry.startUpload(place);
    await fixture.registry.finishUpload({ ...place, id, digest: DIGEST, source: Readable.from([BYTES]) });
    return true;
  },
  'mounts it': () =>
    fixture.registry.mountBlob({
      ...{ principal: fixture.principal, repository: OTHER, digest: DIGEST, from: REPOSITORY },
    }),
  'is told that it is there': () =>
    fixture.registry
      .keepBlob({ principal: fixture.principal, repository: REPOSITORY, digest: DIGEST })
      .then(() => true)
      .catch(gone('BLOB_UNKNOWN', 'NAME_UNKNOWN')),
};

/** An answer that says that the blob is not there. */
const gone =
  (...codes: string[]) =>
  (error: unknown): false => {
    expect(codes).toContain((error as { code?: string }).code);
    return false;
  };

/** Whether some repository says that it has the blob, and whether its bytes are in the store. */
const readState = async (): Promise<{ linked: boolean; stored: boolean }> => ({
  linked:
    (
      await fixture.database.query(
        { name: 'test-linked', text: 'SELECT FROM repository_blob WHERE digest = $1' },
        [DIGEST],
      )
    ).length > 0,
  stored: (await fixture.blobs.stat(DIGEST)) !== undefined,
});

const requireWhole = async (acknowledged: boolean): Promise<void> => {
  const state = await readState();
  expect(state.linked).toBe(state.stored);
  if (acknowledged) expect(state.stored).toBe(true);
  if (state.stored) expect(await fixture.blobs.read(DIGEST, 1000)).toEqual(BYTES);
  expect(await fixture.blobs.listSetAside()).toEqual([]);
  expect(await fixture.count('blob_removal')).toBe(0);
};

/** Resolves when the act is done, or waits for a lock that the one it came between holds. */
const settledOrWaiting = async (act: Promise<unknown>): Promise<void> => {
  let settled = false;
  void act.then(
    () => (settled = true),
    () => (settled = true),
  );
  await expect.poll(async () => settled || (await isAnyoneWaiting()), { interval: 5 }).toBe(true);
};

const isAnyoneWaiting = async (): Promise<boolean> => {
  const rows = await fixture.database.query({
    name: 'test-waiting',
    text: `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  });
  return rows.length > 0;
};

/** Lets `act` come in the moment before the given statement is sent for the first time. */
const comeBefore = (statement: string, act: () => Promise<unknown>): { hasCome: () => boolean } => {
  let come = false;
  fixture.beforeQuery = async (name) => {
    if (come || name !== statement) return;
    come = true;
    const acting = act();
    running.push(acting);
    await settledOrWaiting(acting);
  };
  return { hasCome: () => come };
};

const STEPS = [
  ...['registry_release_content', 'registry_list_removals', 'registry_lock_content'],
  ...['registry_is_content_named', 'registry_forget_content', 'registry_strike_removal'],
  'registry_read_collection_tally',
];

test.each(STEPS.flatMap((step) => Object.keys(ACTS).map((act) => ({ step, act }))))(
  'before $step somebody $act',
  async ({ step, act }) => {
    await put();
    outlive();
    let acknowledged: Promise<boolean> = Promise.resolve(false);
    const between = comeBefore(step, () => (acknowledged = ACTS[act]?.() ?? acknowledged));
    await collect();
    expect(between.hasCome()).toBe(true);
    await requireWhole(await acknowledged);
    outlive();
    await collect();
    await requireWhole(false);
    expect(await readState()).toEqual({ linked: false, stored: false });
  },
  30_000,
);

const WRITES = [
  { act: 'stores it again', step: 'registry_lease_content' },
  { act: 'stores it again', step: 'registry_link_content' },
  { act: 'mounts it', step: 'registry_lock_blob_source' },
  { act: 'mounts it', step: 'registry_link_blob' },
  { act: 'is told that it is there', step: 'registry_keep_content' },
];

test.each(WRITES.flatMap((write) => [true, false].map((slept) => ({ ...write, slept }))))(
  'a collection runs before the $step of who $act (longer than a lease: $slept)',
  async ({ act, step, slept }) => {
    await put();
    fixture.now = new Date(fixture.now.getTime() + 0.6 * LEASE_MS);
    const between = comeBefore(step, async () => {
      if (slept) outlive();
      await collect();
    });
    const acting = ACTS[act]?.() ?? Promise.resolve(false);
    // Who slept for too long may be told to begin again.
    const acknowledged = await (slept ? acting.catch(gone('BLOB_UPLOAD_INVALID')) : acting);
    await Promise.all(running);
    expect(between.hasCome()).toBe(true);
    await requireWhole(acknowledged);
  },
  30_000,
);

test('a push that slept for longer than the lease of its manifest is told to begin again', async () => {
  const image = buildImage();
  await fixture.pushBlobs(image);
  comeBefore('registry_put_manifest', async () => {
    outlive();
    await collect();
  });
  await expect(fixture.put('1.0', image)).rejects.toBeDefined();
  expect(await fixture.count('manifest')).toBe(0);
  fixture.beforeQuery = () => Promise.resolve();
  await fixture.pushBlobs(image);
  await fixture.put('1.0', image);
  outlive();
  await collect();
  expect(await fixture.blobs.read(image.descriptor.digest, 10_000)).toEqual(image.bytes);
});

test('a removal that hung until the bytes were stored anew puts back what it took', async () => {
  await put();
  outlive();
  fixture.beforeQuery = async (name) => {
    if (name !== 'registry_forget_content') return;
    fixture.beforeQuery = () => Promise.resolve();
    // As PostgreSQL does with a transaction that is idle for too long; and others go on.
    await fixture.database.query({
      name: 'test-terminate',
      text: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND state = 'idle in transaction'`,
    });
    await put();
  };
  await expect(collect()).rejects.toBeDefined();
  await requireStored();
  await collect();
  await requireWhole(true);
});

test('what a crash left set aside is put back or removed by the next run', async () => {
  await put();
  const gone = digestOf(Buffer.from('gone'));
  await fixture.blobs.put(Buffer.from('gone'), gone);
  for (const digest of [DIGEST, gone]) expect(await fixture.blobs.setAside(digest)).toBeDefined();
  await collect();
  await requireWhole(true);
  expect(await fixture.blobs.stat(gone)).toBeUndefined();
});

test('what the store’s journal brought back goes with the next run, unless it is named', async () => {
  await put();
  const bytes = Buffer.from('removed before');
  const gone = digestOf(bytes);
  for (const [digest, content] of [
    [DIGEST, BYTES],
    [gone, bytes],
  ] as const) {
    await fixture.blobs.put(content, digest);
    expect(await fixture.blobs.setAside(digest)).toBeDefined();
    await fixture.blobs.put(content, digest);
  }
  await collect();
  await requireWhole(true);
  expect(await fixture.blobs.stat(gone)).toBeUndefined();
});

const requireStored = async (): Promise<void> => {
  expect(await fixture.blobs.read(DIGEST, 1000)).toEqual(BYTES);
};

test('whoever is at it in whatever order, what was acknowledged is there', async () => {
  const names = Object.keys(ACTS);
  for (let round = 0; round < 12; round++) {
    await put();
    outlive();
    const acts = Array.from({ length: 4 }, () => ACTS[names[randomInt(names.length)] ?? ''] ?? (() => put()));
    const done = await Promise.all([
      ...acts.map(async (act) => (await act()) === true),
      ...[collect(), collect()].map((run) => run.then(() => false)),
    ]);
    await collect();
    await requireWhole(done.includes(true));
  }
});
