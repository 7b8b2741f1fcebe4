import { mkdir, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { findMountObstacle, mountSmallDisk } from '@dockchains/testing';
import { expect, test } from 'vitest';

import { framesOf, never, SMALL, useJournalFixture } from './journal-fixture.ts';
import { blobPath } from './short-files.mjs';
import { type ShortFrame } from './short-frames.mjs';
import { ShortJournal } from './short-journal.mjs';
import { replayJournals } from './short-replay.mjs';

const MAX_SPARE = 2;

const { open, pathOf, segments, write, requireAll } = useJournalFixture();

/** Leaves something at a path that can't be opened, nor can what hangs from it. */
const loop = (path: string): Promise<void> => symlink(basename(path), path);

test('syncs what it has once that is old, a little at a time, and then uses its segments again', async () => {
  const journal = open();
  const frames = framesOf(13);
  write(journal, frames);
  const before = await segments();
  expect(before).toHaveLength(4);
  expect(journal.settle(999, never)).toBe('later');
  let slices = 1;
  while (journal.settle(2000, () => true) === 'more') slices += 1;
  expect(slices).toBeGreaterThan(frames.length);
  const after = await segments();
  expect(after.length).toBeLessThan(before.length);
  write(journal, framesOf(3), 2000);
  expect(await segments()).toEqual(after);
});

test('settles together what comes within the time, and once there is enough of it', async () => {
  const journal = open({ maxSegments: 32 });
  write(journal, framesOf(7 * 4));
  write(journal, framesOf(2 * 4), 100);
  write(journal, framesOf(1), 200);
  expect(await segments()).toHaveLength(10);
  expect(journal.settle(599, never)).toBe('later');
  expect(await segments()).toHaveLength(10);
  expect(journal.settle(600, never)).toBe('later');
  expect(await segments()).toHaveLength(1 + 8);
  journal.settle(1000, never);
  expect(journal.settle(1500, never)).toBe('nothing');
  expect(await segments()).toHaveLength(MAX_SPARE);
});

test('does without a file that was deleted meanwhile', async () => {
  const journal = open();
  const [gone, ...others] = framesOf(3) as [ShortFrame, ...ShortFrame[]];
  write(journal, [gone, ...others]);
  await rm(dirname(pathOf(gone)), { recursive: true });
  journal.settle(1000, never);
  expect(journal.settle(2000, never)).toBe('nothing');
});

test('gives no segment up while what it has can’t be synced', async () => {
  const journal = open();
  const [bad, good] = framesOf(2) as [ShortFrame, ShortFrame];
  write(journal, [bad, good]);
  await rm(dirname(pathOf(bad)), { recursive: true });
  await loop(dirname(pathOf(bad)));
  for (const now of [1000, 2000]) expect(() => journal.settle(now, never)).toThrow('ELOOP');
  await rm(dirname(pathOf(bad)));
  open().settle(0, never);
  await requireAll([bad, good]);
});

test('mends a file that can’t be synced', async () => {
  const journal = open();
  const [frame] = framesOf(1) as [ShortFrame];
  write(journal, [frame]);
  await rm(pathOf(frame));
  await loop(pathOf(frame));
  journal.settle(1000, never);
  expect(journal.settle(2000, never)).toBe('nothing');
  await requireAll([frame]);
});

test('has no more segments than it may, and loses nothing for it', async () => {
  const journal = open({ settleMs: Infinity });
  const frames = framesOf(60);
  for (const frame of frames) {
    write(journal, [frame]);
    expect((await segments()).length).toBeLessThanOrEqual(SMALL.maxSegments + 1);
  }
  await requireAll(frames);
});

test('hurries when it has half of what it may', async () => {
  const journal = open();
  write(journal, framesOf(24));
  expect(journal.settle(0, () => true)).toBe('behind');
  while (journal.settle(0, never) === 'behind');
  expect(journal.settle(0, never)).toBe('later');
  expect(await segments()).toHaveLength(6);
});

test('goes on elsewhere when another has claimed what it writes to', async () => {
  const [one, two] = [open(), open()];
  const [first, second, third] = [framesOf(2), framesOf(1), framesOf(1)];
  write(one, first);
  two.settle(0, never);
  write(one, second);
  write(two, third);
  expect(await segments()).toHaveLength(3);
  for (const frame of [...first, ...second, ...third]) await rm(pathOf(frame));
  open().settle(0, never);
  await requireAll([...first, ...second, ...third]);
});

test('leaves no segment behind that another had claimed of it, full or not yet used again', async () => {
  const [one, two] = [open(), open()];
  write(one, framesOf(7));
  one.settle(1000, never);
  one.settle(2000, never);
  write(one, framesOf(1), 2000);
  two.settle(2000, never);
  write(one, framesOf(7), 2000);
  for (const now of [3000, 4000, 5000]) for (const journal of [one, two]) journal.settle(now, never);
  expect(two.settle(6000, never)).toBe('nothing');
  // What the first keeps to write anew.
  expect((await segments()).length).toBeLessThanOrEqual(2);
});

const noMount = findMountObstacle();

test.skipIf(noMount !== undefined)(
  `fails on a full disk, leaves no part of a segment, and goes on with room (skipped: ${noMount ?? 'no'})`,
  async () => {
    await using cleanup = new AsyncDisposableStack();
    const disk = await mountSmallDisk(3);
    cleanup.defer(() => disk.remove());
    for (const name of ['tmp', 'journal', 'removed']) await mkdir(join(disk.folder, name));
    const journal = new ShortJournal(disk.folder, { ...SMALL, segmentBytes: 1 << 20 });
    await disk.fill();
    expect(() => {
      journal.append(framesOf(1), 0);
    }).toThrow('ENOSPC');
    expect(await readdir(join(disk.folder, 'journal'))).toEqual([]);
    await disk.free();
    const frames = framesOf(3);
    journal.append(frames, 0);
    replayJournals(disk.folder);
    const paths = frames.map(({ digest }) => blobPath(disk.folder, digest));
    expect(await Promise.all(paths.map(async (path) => (await readFile(path)).length))).toEqual([
      900, 900, 900,
    ]);
  },
);

test('makes the next segment ahead, a part at a time', async () => {
  const journal = open({ segmentBytes: 1 << 20 });
  write(journal, framesOf(12, 60_000));
  expect(await segments()).toHaveLength(1);
  for (let part = 0; part < 4; part += 1) expect(journal.settle(0, () => true)).toBe('more');
  expect(journal.settle(0, () => true)).toBe('later');
  const made = await segments();
  expect(made).toHaveLength(2);
  write(journal, framesOf(12, 60_000));
  expect(await segments()).toEqual(made);
});
