import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const INSTALL_TIMEOUT_MS = 300_000;

/** An earlier commit of this repository in a folder of its own, ready to run; or why there is none. */
export type EarlierTree =
  | { readonly folder: string; remove(): Promise<void> }
  | { readonly folder: undefined; readonly obstacle: string };

/**
 * Exports a commit into a temporary folder. It uses the packages that are installed here where they are of the versions that it asks for, with
 * its own workspace beside them, and else installs its own.
 */
export async function exportEarlierTree(commit: string): Promise<EarlierTree> {
  const git = ['-C', ROOT];
  try {
    await run('git', [...git, 'rev-parse', '--verify', '--quiet', `${commit}^{commit}`]);
  } catch {
    return { folder: undefined, obstacle: `this clone does not have commit ${commit.slice(0, 7)}` };
  }
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-earlier-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await extract(commit, folder);
    const differing = await linkPackages(folder);
    if (differing.length > 0) await install(folder);
    await run(process.execPath, ['node_modules/prisma/build/index.js', 'generate'], {
      cwd: folder,
      env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, NO_COLOR: '1' },
    });
    return { folder, remove };
  } catch (error) {
    await remove();
    const reason = error instanceof Error ? error.message : String(error);
    return { folder: undefined, obstacle: `the packages of ${commit.slice(0, 7)} are not here: ${reason}` };
  }
}

async function extract(commit: string, folder: string): Promise<void> {
  const archive = spawn('git', ['-C', ROOT, 'archive', commit], { stdio: ['ignore', 'pipe', 'inherit'] });
  const tar = spawn('tar', ['-x', '-C', folder], { stdio: [archive.stdout, 'ignore', 'inherit'] });
  const [[code]] = (await Promise.all([once(tar, 'exit'), once(archive, 'exit')])) as [
    [number | null],
    unknown,
  ];
  if (code !== 0) throw new Error('The commit could not be unpacked.');
}

/** Links what is installed here into the tree, but its own workspace packages; gives the packages that it wants in other versions. */
async function linkPackages(folder: string): Promise<string[]> {
  const modules = join(folder, 'node_modules');
  await mkdir(modules);
  for (const name of await listPackages(join(ROOT, 'node_modules'))) {
    await link(join(ROOT, 'node_modules', name), join(modules, name));
  }
  const workspaces = await listWorkspaces(folder);
  for (const workspace of workspaces) {
    const { name } = await readPackage(join(folder, workspace));
    const linked = join(modules, name);
    await rm(linked, { force: true });
    await link(join(folder, workspace), linked);
    const own = join(ROOT, workspace, 'node_modules');
    if (existsSync(own)) await link(own, join(folder, workspace, 'node_modules'));
  }
  const differing: string[] = [];
  for (const workspace of ['.', ...workspaces]) {
    const { dependencies = {} } = await readPackage(join(folder, workspace));
    for (const [name, version] of Object.entries(dependencies)) {
      if (version !== '*' && !(await isInstalled(folder, workspace, name, version))) differing.push(name);
    }
  }
  return differing;
}

async function link(target: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await symlink(target, path);
}

/** The names of installed packages that are none of this workspace. */
async function listPackages(modules: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(modules, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue;
    if (!entry.name.startsWith('@')) {
      names.push(entry.name);
      continue;
    }
    const scoped = await readdir(join(modules, entry.name), { withFileTypes: true });
    names.push(...scoped.filter((one) => one.isDirectory()).map((one) => `${entry.name}/${one.name}`));
  }
  return names;
}

/** The folders of a tree's workspace packages. */
async function listWorkspaces(folder: string): Promise<string[]> {
  const { workspaces = [] } = await readPackage(folder);
  const found: string[] = [];
  for (const pattern of workspaces) {
    const parent = pattern.replace(/\/\*$/, '');
    const candidates =
      parent === pattern
        ? [pattern]
        : (await readdir(join(folder, parent))).map((name) => `${parent}/${name}`);
    found.push(...candidates.filter((path) => existsSync(join(folder, path, 'package.json'))));
  }
  return found;
}

interface Package {
  readonly name: string;
  readonly version?: string;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
}

async function readPackage(folder: string): Promise<Package> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Package;
}

async function isInstalled(
  folder: string,
  workspace: string,
  name: string,
  version: string,
): Promise<boolean> {
  for (const modules of [join(folder, workspace, 'node_modules'), join(folder, 'node_modules')]) {
    const path = join(modules, name);
    if (existsSync(path)) return (await readPackage(path)).version === version;
  }
  return false;
}

async function install(folder: string): Promise<void> {
  await rm(join(folder, 'node_modules'), { recursive: true });
  for (const workspace of await listWorkspaces(folder)) {
    await rm(join(folder, workspace, 'node_modules'), { force: true });
  }
  await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd: folder,
    timeout: INSTALL_TIMEOUT_MS,
  });
}
