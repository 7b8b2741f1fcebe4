import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { digestOf } from '@dockchains/oci';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { blobPath } from './short-files.mjs';
import { ShortJournal } from './short-journal.mjs';
import { replayJournals } from './short-replay.mjs';
import { type ShortJob, ShortWriter } from './short-writer.ts';

let root: string;

beforeEach(async () => {
  root = await openRoot();
});

afterEach(() => rm(root, { recursive: true }));

const openRoot = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'short-'));
  for (const name of ['tmp', 'journal', 'removed']) await mkdir(join(folder, name));
  return folder;
};
const mainOf = (code: string): URL => new URL(`data:text/javascript,${encodeURIComponent(code)}`);
const jobOf = (bytes: Uint8Array, folder = root): ShortJob => ({
  ...{ root: folder, digest: digestOf(bytes), bytes },
});
const pathOf = (job: ShortJob): string => blobPath(job.root, job.digest);

test('puts each of several files its own bytes, and leaves no temporary ones', async () => {
  const writer = new ShortWriter();
  const jobs = [1, 65_536, 10_240].map((length) => jobOf(randomBytes(length)));
  expect(await Promise.all(jobs.map((job) => writer.write(job)))).toEqual([true, true, true]);
  for (const job of jobs) expect((await readFile(pathOf(job))).equals(job.bytes)).toBe(true);
  expect(await readdir(join(root, 'tmp'))).toEqual([]);
  expect(await readdir(join(root, 'journal'))).toHaveLength(1);
});

test('takes more than a segment has room for', async () => {
  const writer = new ShortWriter();
  const jobs = Array.from({ length: 130 }, () => jobOf(randomBytes(65_536)));
  await Promise.all(jobs.map((job) => writer.write(job)));
  for (const job of jobs) expect((await readFile(pathOf(job))).equals(job.bytes)).toBe(true);
  expect((await readdir(join(root, 'journal'))).length).toBeGreaterThan(2);
});

test('leaves a file of that length alone, and replaces one of another', async () => {
  const writer = new ShortWriter();
  const [same, torn] = [jobOf(Buffer.from('other')), jobOf(Buffer.from('whole'))];
  for (const [job, content] of [
    [same, 'first'],
    [torn, 'who'],
  ] as const) {
    await mkdir(dirname(pathOf(job)), { recursive: true });
    await writeFile(pathOf(job), content);
  }
  await Promise.all([writer.write(same), writer.write(torn)]);
  expect(await readFile(pathOf(same), 'utf8')).toBe('first');
  expect(await readFile(pathOf(torn), 'utf8')).toBe('whole');
});

test('fails for the file that can’t be put to its place, and for no other of its batch', async () => {
  const writer = new ShortWriter();
  const [good, bad] = [jobOf(Buffer.from('a')), jobOf(Buffer.from('b'))];
  await mkdir(pathOf(bad), { recursive: true });
  const [first, second] = await Promise.allSettled([writer.write(bad), writer.write(good)]);
  expect(first).toMatchObject({ status: 'rejected', reason: { code: 'EISDIR' } });
  expect(second).toEqual({ status: 'fulfilled', value: true });
  expect(await readdir(join(root, 'tmp'))).toEqual([]);
});

test('fails for the folder whose journal can’t be written, and puts nothing there', async () => {
  const writer = new ShortWriter();
  const other = await openRoot();
  await rm(join(other, 'journal'), { recursive: true });
  const [good, bad] = [jobOf(Buffer.from('a')), jobOf(Buffer.from('b'), other)];
  const [first, second] = await Promise.allSettled([writer.write(bad), writer.write(good)]);
  expect(first).toMatchObject({ status: 'rejected', reason: { code: 'ENOENT' } });
  expect(second).toEqual({ status: 'fulfilled', value: true });
  expect((await readdir(other)).sort()).toEqual(['removed', 'tmp']);
  await mkdir(join(other, 'journal'));
  expect(await writer.write(bad)).toBe(true);
  await rm(other, { recursive: true });
});

test('loses nothing while others claim what it writes to', async () => {
  const writers = [new ShortWriter(), new ShortWriter(), new ShortWriter()];
  const jobs: ShortJob[] = [];
  for (let round = 0; round < 12; round += 1) {
    const own = writers.map((writer) => ({ writer, job: jobOf(randomBytes(1000)) }));
    jobs.push(...own.map(({ job }) => job));
    const written = own.map(({ writer, job }) => writer.write(job));
    new ShortJournal(root).settle(performance.now(), () => false);
    expect(await Promise.all(written)).not.toContain(false);
  }
  await rm(join(root, 'blobs'), { recursive: true });
  replayJournals(root);
  for (const job of jobs) expect((await readFile(pathOf(job))).equals(job.bytes)).toBe(true);
});

test.each([
  ['fails', `throw new Error('no memory')`],
  ['ends', `process.exit()`],
])('hands back what a thread was to do that %s, and all that comes later', async (_how, code) => {
  const writer = new ShortWriter(mainOf(code));
  expect(await writer.write(jobOf(Buffer.from('a')))).toBe(false);
  expect(await writer.write(jobOf(Buffer.from('b')))).toBe(false);
});
