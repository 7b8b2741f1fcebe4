import { mkdir, mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { OpenFolders } from './open-folders.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'folders-'));
});

afterEach(() => rm(root, { recursive: true }));

const makeFolders = (count: number): Promise<string[]> =>
  Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const path = join(root, String(index));
      await mkdir(path);
      return path;
    }),
  );

/** The folders below the root that this process has open, as the kernel sees it. */
const listOpen = async (): Promise<string[]> => {
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((file) => readlink(join('/proc/self/fd', file)).catch(() => '')),
  );
  return links.filter((path) => path.startsWith(root));
};

test.skipIf(process.platform !== 'linux')('keeps a folder open, once for all who sync it', async () => {
  const folders = new OpenFolders();
  const [path = ''] = await makeFolders(1);
  await Promise.all([folders.sync(path), folders.sync(path), folders.sync(path)]);
  await folders.sync(path);
  expect(await listOpen()).toEqual([path]);
});

test.skipIf(process.platform !== 'linux')('keeps at most 256 open, also of more at once', async () => {
  const folders = new OpenFolders();
  const paths = await makeFolders(300);
  await Promise.all(paths.map((path) => folders.sync(path)));
  for (const path of paths) await folders.sync(path);
  await expect.poll(async () => (await listOpen()).length).toBe(256);
});

test('fails for a folder that is not there, and syncs it once it is', async () => {
  const folders = new OpenFolders();
  const path = join(root, '0');
  await expect(folders.sync(path)).rejects.toMatchObject({ code: 'ENOENT' });
  await makeFolders(1);
  await folders.sync(path);
});
