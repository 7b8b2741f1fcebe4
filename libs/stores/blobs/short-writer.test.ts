import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { type ShortJob, ShortWriter } from './short-writer.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'short-'));
});

afterEach(() => rm(root, { recursive: true }));

const mainOf = (code: string): URL => new URL(`data:text/javascript,${encodeURIComponent(code)}`);

const jobOf = (name: string, bytes: Uint8Array): ShortJob => ({
  temporary: join(root, `${name}.new`),
  path: join(root, name),
  bytes,
});

test('puts each of several files its own bytes, and leaves no temporary ones', async () => {
  const writer = new ShortWriter();
  const contents = [1, 65_536, 10_240].map((length) => randomBytes(length));
  const jobs = contents.map((bytes, index) => jobOf(String(index), bytes));
  expect(await Promise.all(jobs.map((job) => writer.write(job)))).toEqual([true, true, true]);
  for (const { path, bytes } of jobs) expect((await readFile(path)).equals(bytes)).toBe(true);
  expect((await readdir(root)).sort()).toEqual(['0', '1', '2']);
});

test('leaves a file of that length alone, and replaces one of another', async () => {
  const writer = new ShortWriter();
  await writeFile(join(root, 'same'), 'first');
  await writeFile(join(root, 'torn'), 'fir');
  const bytes = Buffer.from('other');
  await Promise.all(['same', 'torn'].map((name) => writer.write(jobOf(name, bytes))));
  expect(await readFile(join(root, 'same'), 'utf8')).toBe('first');
  expect(await readFile(join(root, 'torn'), 'utf8')).toBe('other');
});

test('fails for the file that can’t be made, and for no other of its batch', async () => {
  const writer = new ShortWriter();
  const [good, bad] = [jobOf('good', Buffer.from('a')), jobOf('none/bad', Buffer.from('b'))];
  const [first, second] = await Promise.allSettled([writer.write(bad), writer.write(good)]);
  expect(first).toMatchObject({ status: 'rejected', reason: { code: 'ENOENT' } });
  expect(second).toEqual({ status: 'fulfilled', value: true });
  expect(await readdir(root)).toEqual(['good']);
});

test('takes no more than it does in a moment', async () => {
  const writer = new ShortWriter(mainOf('setInterval(() => undefined, 1000);'));
  const [taken, refused] = [
    Array.from({ length: 40 }, () => jobOf('a', Buffer.from('a'))),
    jobOf('b', Buffer.from('b')),
  ];
  const waiting = taken.map((job) => writer.write(job));
  expect(await writer.write(refused)).toBe(false);
  expect(await Promise.race([...waiting, Promise.resolve('none yet')])).toBe('none yet');
});

test.each([
  ['fails', `throw new Error('no memory')`],
  ['ends', `process.exit()`],
])('hands back what a thread was to do that %s, and all that comes later', async (_how, code) => {
  const writer = new ShortWriter(mainOf(code));
  expect(await writer.write(jobOf('a', Buffer.from('a')))).toBe(false);
  expect(await writer.write(jobOf('b', Buffer.from('b')))).toBe(false);
});
