import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { runProgram } from '../interop/programs.ts';

/** What is in version control, in a folder of its own, with a home of its own: nothing is installed there. */
export interface Clone {
  readonly folder: string;
  /** Of somebody who has just cloned: the machine's own programs, and npm's cache of packages. */
  readonly env: NodeJS.ProcessEnv;
  remove(): Promise<void>;
}

const ROOT = join(import.meta.dirname, '../..');

/** Copies the files of this tree that git tracks. @throws Error if it is no git worktree */
export async function makeClone(): Promise<Clone> {
  const base = await mkdtemp(join(tmpdir(), 'dockchains-readme-'));
  const folder = join(base, 'clone');
  const home = join(base, 'home');
  await Promise.all([mkdir(folder), mkdir(home)]);
  const copy = 'git ls-files -z | tar --create --null --files-from=- | tar --extract --directory="$1"';
  await runProgram('bash', ['-o', 'pipefail', '-c', copy, 'copy', folder], { cwd: ROOT });
  const cache = (await runProgram('npm', ['config', 'get', 'cache'], { cwd: ROOT })).trim();
  return {
    folder,
    env: {
      ...ownEnvironment(),
      HOME: home,
      REGISTRY_AUTH_FILE: join(home, 'auth.json'),
      ...npmOptions(cache),
    },
    remove: () => rm(base, { recursive: true, force: true }),
  };
}

/** Without what npm, Vitest and this tree's own programs put there. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE|VITE|DOCKCHAINS_|DOCKER_|XDG_|FORCE_COLOR)/i.test(name),
  );
  const path = (process.env.PATH ?? '').split(delimiter).filter((one) => !one.includes('node_modules'));
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}

/** Packages that have been fetched before are not fetched again, and the user's registry stays the user's. */
function npmOptions(cache: string): NodeJS.ProcessEnv {
  return {
    npm_config_cache: cache,
    npm_config_prefer_offline: 'true',
    npm_config_userconfig: process.env.npm_config_userconfig ?? join(homedir(), '.npmrc'),
  };
}
