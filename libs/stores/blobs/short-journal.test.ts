import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

import { findMountObstacle, mountSmallDisk } from '@dockchains/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { blobPath, placeFile } from './short-files.mjs';
import { type ShortFrame } from './short-frames.mjs';
import { type JournalOptions, replayJournals, ShortJournal } from './short-journal.mjs';

const OPTIONS = { segmentBytes: 4096, maxSegments: 8, settleMs: 500 };
const MAX_SPARE = 2;

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'journal-'));
  for (const name of ['tmp', 'journal', 'removed']) await mkdir(join(root, name));
});

afterEach(() => rm(root, { recursive: true }));

const frameOf = (bytes: Uint8Array): ShortFrame => ({
  digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
  bytes,
});
const framesOf = (count: number, length = 900): ShortFrame[] =>
  Array.from({ length: count }, () => frameOf(randomBytes(length)));
const open = (options: JournalOptions = {}): ShortJournal =>
  new ShortJournal(root, { ...OPTIONS, ...options });
const pathOf = ({ digest }: ShortFrame): string => blobPath(root, digest);
const segments = async (): Promise<string[]> => readdir(join(root, 'journal'));
const never = (): boolean => false;
/** Two ways to bring back what a journal has: at a start, and by whoever writes next. */
const RETURNS: Record<string, () => void> = {
  replayed: () => {
    replayJournals(root);
  },
  claimed: () => {
    open().settle(0, never);
  },
};

const write = (journal: ShortJournal, frames: readonly ShortFrame[], now = 0): void => {
  journal.append(frames, now);
  for (const frame of frames) placeFile(root, frame);
};
const requireAll = async (frames: readonly ShortFrame[]): Promise<void> => {
  for (const frame of frames) expect((await readFile(pathOf(frame))).equals(frame.bytes)).toBe(true);
};
const isThere = (frame: ShortFrame): Promise<boolean> =>
  readFile(pathOf(frame)).then(
    () => true,
    () => false,
  );

/** Leaves something at a path that can't be opened, nor can what hangs from it. */
const loop = (path: string): Promise<void> => symlink(basename(path), path);

/** What a loss of power makes of a file that was not synced. */
const LOSSES: Record<string, (frame: ShortFrame) => Promise<void>> = {
  'is not there': (frame) => rm(pathOf(frame)),
  'has no folder': (frame) => rm(dirname(pathOf(frame)), { recursive: true, force: true }),
  'is empty': (frame) => truncate(pathOf(frame), 0),
  'is short': (frame) => truncate(pathOf(frame), 10),
  'is all zeros': (frame) => writeFile(pathOf(frame), Buffer.alloc(frame.bytes.length)),
};

describe.each(Object.entries(RETURNS))('when it is %s', (_how, bringBack) => {
  test.each(Object.entries(LOSSES))('brings back what was acknowledged and %s', async (_what, lose) => {
    const frames = framesOf(20);
    write(open(), frames);
    for (const frame of frames) await lose(frame);
    bringBack();
    await requireAll(frames);
    expect(await readdir(join(root, 'tmp'))).toEqual([]);
  });

  test('brings back what was written and not put to its place', async () => {
    const frames = framesOf(3);
    open().append(frames, 0);
    bringBack();
    await requireAll(frames);
  });

  test('brings back nothing behind what was torn, and no part of it', async () => {
    const frames = framesOf(3);
    open().append(frames, 0);
    const [name = ''] = await segments();
    const bytes = await readFile(join(root, 'journal', name));
    bytes.fill(0, 24 + 2 * 992 + 500);
    await writeFile(join(root, 'journal', name), bytes);
    bringBack();
    await requireAll(frames.slice(0, 2));
    expect(await Promise.all(frames.map(isThere))).toEqual([true, true, false]);
  });

  test('tells collection of what was not there at all, and of nothing else', async () => {
    const [gone, torn, whole] = framesOf(3) as [ShortFrame, ShortFrame, ShortFrame];
    write(open(), [gone, torn, whole]);
    await rm(pathOf(gone));
    await truncate(pathOf(torn), 5);
    bringBack();
    const asides = await readdir(join(root, 'removed'));
    expect(asides.map((name) => name.split('.')[0])).toEqual([gone.digest.replace(':', '-')]);
  });
});

test('is replayed again and again, and by its owner’s side, until it is claimed', async () => {
  const owner = open();
  const [first, second] = [framesOf(1), framesOf(1)];
  write(owner, first);
  for (const frames of [first, [...first, ...second]]) {
    for (const frame of frames) await rm(pathOf(frame), { force: true });
    replayJournals(root);
    await requireAll(first);
    write(owner, second);
  }
  expect(await segments()).toHaveLength(1);
});

test('keeps what it brings back until that was synced too', async () => {
  const frames = framesOf(3);
  write(open(), frames);
  for (const frame of frames) await rm(pathOf(frame));
  open().settle(0, never);
  for (const frame of frames) await truncate(pathOf(frame), 0);
  const third = open();
  expect(third.settle(0, never)).toBe('later');
  await requireAll(frames);
  expect(third.settle(999, never)).toBe('later');
  expect(await segments()).toHaveLength(1);
  expect(third.settle(1000, never)).toBe('nothing');
  expect(await segments()).toEqual([]);
});

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

test('takes nothing of an earlier use for something that was written since', async () => {
  const journal = open();
  const [old, young] = [framesOf(4), framesOf(2)];
  write(journal, old);
  journal.settle(1000, never);
  expect(journal.settle(2000, never)).toBe('nothing');
  write(journal, young, 2000);
  for (const frame of [...old, ...young]) await rm(pathOf(frame));
  open().settle(0, never);
  await requireAll(young);
  expect(await Promise.all(old.map(isThere))).toEqual([false, false, false, false]);
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
    expect((await segments()).length).toBeLessThanOrEqual(OPTIONS.maxSegments + 1);
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

test('removes what is none of ours without taking anything from it', async () => {
  await writeFile(join(root, 'journal', 'stray'), 'not a segment');
  await writeFile(join(root, 'journal', 'empty'), '');
  open().settle(0, never);
  expect(await segments()).toEqual([]);
  expect(await readdir(root)).not.toContain('blobs');
});

const noMount = findMountObstacle();

test.skipIf(noMount !== undefined)(
  `fails on a full disk, leaves no part of a segment, and goes on with room (skipped: ${noMount ?? 'no'})`,
  async () => {
    await using cleanup = new AsyncDisposableStack();
    const disk = await mountSmallDisk(3);
    cleanup.defer(() => disk.remove());
    for (const name of ['tmp', 'journal', 'removed']) await mkdir(join(disk.folder, name));
    const journal = new ShortJournal(disk.folder, { ...OPTIONS, segmentBytes: 1 << 20 });
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

test('claims a little at a time what others have left, and what they begin later not at all', async () => {
  const others = [open(), open(), open()];
  const frames = framesOf(3);
  others.forEach((other, index) => {
    write(other, frames.slice(index, index + 1));
  });
  const names = await segments();
  const journal = open();
  let checks = 0;
  expect(journal.settle(0, () => (checks += 1) > 2)).toBe('more');
  expect((await segments()).filter((name) => names.includes(name))).toHaveLength(1);
  write(open(), framesOf(1));
  const before = await segments();
  expect(journal.settle(0, never)).toBe('later');
  expect((await segments()).filter((name) => before.includes(name))).toHaveLength(3);
  expect((await segments()).filter((name) => names.includes(name))).toEqual([]);
});

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
