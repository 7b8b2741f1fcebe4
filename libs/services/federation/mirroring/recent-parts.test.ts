import { expect, test } from 'vitest';

import { RecentParts } from './recent-parts.ts';

const part = (length = 10): Buffer => Buffer.alloc(length, 1);

/** Whether a promise is settled, as far as one turn of the event loop shows. */
const isSettled = (promise: Promise<void> | undefined): Promise<boolean> =>
  Promise.race([
    (promise ?? Promise.resolve()).then(() => true),
    new Promise<boolean>((resolve) => setImmediate(resolve, false)),
  ]);

test('keeps nothing for nobody', () => {
  const recent = new RecentParts({ leftBytes: 100 });
  expect(recent.add(part(), 0)).toBeUndefined();
  expect(recent.has(0)).toBe(false);
});

test('lets go of a part when all who read have gone past it, and of all when they have left', async () => {
  const budget = { leftBytes: 100 };
  const recent = new RecentParts(budget);
  const [fast, slow] = [recent.join(0), recent.join(0)];
  const first = recent.add(part(), 0);
  const second = recent.add(part(), 10);
  recent.move(fast, 20);
  recent.move(slow, 9);
  expect(await isSettled(first)).toBe(false);
  recent.move(slow, 10);
  expect(await isSettled(first)).toBe(true);
  expect(recent.has(9)).toBe(false);
  expect(await isSettled(second)).toBe(false);
  recent.leave(slow);
  expect(await isSettled(second)).toBe(true);
  recent.leave(fast);
  expect(budget.leftBytes).toBe(100);
});

test('drops the oldest of more than eight parts, however far behind somebody is', async () => {
  const recent = new RecentParts({ leftBytes: 1_000 });
  recent.join(0);
  const added = Array.from({ length: 9 }, (_, index) => recent.add(part(), 10 * index));
  expect(await isSettled(added[0])).toBe(true);
  expect(await isSettled(added[1])).toBe(false);
  expect(recent.nextStart(0)).toBe(10);
  expect(recent.nextStart(80)).toBe(Infinity);
});

test('keeps no more than all together may', () => {
  const budget = { leftBytes: 25 };
  const [one, other] = [new RecentParts(budget), new RecentParts(budget)];
  one.join(0);
  other.join(0);
  void one.add(part(), 0);
  void one.add(part(), 10);
  expect(other.add(part(), 0)).toBeUndefined();
  void one.add(part(), 20);
  expect([one.has(0), one.has(10), one.has(20)]).toEqual([false, true, true]);
  one.clear();
  expect(other.add(part(), 10)).toBeDefined();
  expect(budget.leftBytes).toBe(15);
});

test('leaves a part that somebody sends as it is, also when it was dropped', async () => {
  const recent = new RecentParts({ leftBytes: 100 });
  recent.join(0);
  const used = recent.add(part(), 0);
  const found = recent.find(9);
  expect(found?.start).toBe(0);
  recent.clear();
  expect(await isSettled(used)).toBe(false);
  found?.release();
  expect(await isSettled(used)).toBe(true);
  expect(recent.find(9)).toBeUndefined();
});
