import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { framesOf, never, useJournalFixture } from './journal-fixture.ts';
import { type ShortFrame } from './short-frames.mjs';
import { replayJournals } from './short-replay.mjs';

const { root, open, pathOf, segments, write, requireAll, isThere } = useJournalFixture();

/** Two ways to bring back what a journal has: at a start, and by whoever writes next. */
const RETURNS: Record<string, () => void> = {
  replayed: () => {
    replayJournals(root());
  },
  claimed: () => {
    open().settle(0, never);
  },
};

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
    expect(await readdir(join(root(), 'tmp'))).toEqual([]);
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
    const bytes = await readFile(join(root(), 'journal', name));
    bytes.fill(0, 24 + 2 * 992 + 500);
    await writeFile(join(root(), 'journal', name), bytes);
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
    const asides = await readdir(join(root(), 'removed'));
    expect(asides.map((name) => name.split('.')[0])).toEqual([gone.digest.replace(':', '-')]);
  });
});

test('is replayed again and again, and by its owner’s side, until it is claimed', async () => {
  const owner = open();
  const [first, second] = [framesOf(1), framesOf(1)];
  write(owner, first);
  for (const frames of [first, [...first, ...second]]) {
    for (const frame of frames) await rm(pathOf(frame), { force: true });
    replayJournals(root());
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

test('removes what is none of ours without taking anything from it', async () => {
  await writeFile(join(root(), 'journal', 'stray'), 'not a segment');
  await writeFile(join(root(), 'journal', 'empty'), '');
  open().settle(0, never);
  expect(await segments()).toEqual([]);
  expect(await readdir(root())).not.toContain('blobs');
});

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
