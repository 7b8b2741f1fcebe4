import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { writeFileAtomically } from './files.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dockchains-files-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('writes through no link that somebody has put where its temporary file could be', async () => {
  const victim = join(folder, 'victim');
  const path = join(folder, 'app.tlog-proof');
  await writeFile(victim, 'kept');
  await symlink(victim, `${path}.${process.pid}.tmp`);
  await writeFileAtomically(path, 'proof');
  expect(await readFile(victim, 'utf8')).toBe('kept');
  expect(await readFile(path, 'utf8')).toBe('proof');
});

test('replaces what a link leads to, and leaves nothing beside it', async () => {
  const [path, link] = [join(folder, 'file'), join(folder, 'link')];
  await writeFile(path, 'before');
  await symlink(path, link);
  await writeFileAtomically(link, 'after');
  expect(await readFile(path, 'utf8')).toBe('after');
  expect((await readdir(folder)).sort()).toEqual(['file', 'link']);
});
