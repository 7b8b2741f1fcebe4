// A PostgreSQL data folder: where it lies, its password, how it is made, what its postmaster.pid says.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canReach, makeReachableFolder } from './postgres-binaries.mjs';
import { findCommandLine, isAlive } from './processes.mjs';
import { Refusal } from './steps.mjs';

/** The superuser of every embedded server. */
export const superuser = 'dockchains';

/** The database that every embedded server has from the start, empty. */
export const defaultDatabase = 'dockchains';

/** Where the cluster of a data folder lies: in it, or where the server's user can reach it, as remembered there. */
export function findCluster(dataDir) {
  const note = join(dataDir, 'location');
  return join(existsSync(note) ? readFileSync(note, 'utf8') : dataDir, 'cluster');
}

/** Makes the cluster when it is not there yet; a crash on the way leaves nothing that is taken for one. */
export function prepareCluster(dataDir, binaries, user) {
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  const cluster = findCluster(dataDir);
  if (existsSync(join(cluster, 'PG_VERSION'))) {
    requireSameVersion(cluster, binaries);
    return { cluster, password: readPassword(dataDir) };
  }
  const place = canReach(dataDir, user) ? dataDir : makeReachableFolder();
  if (place !== dataDir) writeFileSync(join(dataDir, 'location'), place);
  const password = randomBytes(18).toString('base64url');
  writeFileSync(join(dataDir, 'password'), password, { mode: 0o600 });
  initialise(join(place, 'cluster'), password, binaries, user);
  return { cluster: join(place, 'cluster'), password };
}

/** Removes a data folder and, where it lies elsewhere, its cluster. The server must have been stopped. */
export function removePostgres(dataDir) {
  const cluster = findCluster(dataDir);
  rmSync(cluster, { recursive: true, force: true });
  if (existsSync(join(dataDir, 'location'))) {
    rmSync(readFileSync(join(dataDir, 'location'), 'utf8'), { recursive: true, force: true });
  }
  rmSync(dataDir, { recursive: true, force: true });
}

/** What postmaster.pid says of the living server of this cluster; undefined when there is none. */
export function findServer(cluster) {
  const lines = readPidFile(cluster);
  if (!lines) return undefined;
  const pid = Number(lines[0]);
  if (!isAlive(pid) || !isServerOf(pid, cluster)) return undefined;
  return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' };
}

/** Removes a pid file whose process is alive but is another program: PostgreSQL would refuse to start beside it. */
export function removeMisleadingPidFile(cluster) {
  const pid = Number(readPidFile(cluster)?.[0]);
  if (pid > 0 && isAlive(pid) && !isServerOf(pid, cluster)) rmSync(join(cluster, 'postmaster.pid'));
}

function readPidFile(cluster) {
  try {
    return readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const isServerOf = (pid, cluster) => findCommandLine(pid)?.includes(`-D ${cluster}`) ?? false;

function readPassword(dataDir) {
  try {
    return readFileSync(join(dataDir, 'password'), 'utf8');
  } catch (cause) {
    throw new Refusal(
      `The database's password in ${dataDir} cannot be read: run as the user that made it, or begin anew with: npm run up -- --reset`,
      { cause },
    );
  }
}

function requireSameVersion(cluster, binaries) {
  const made = readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim();
  const { stdout } = spawnSync(join(binaries, 'postgres'), ['--version'], { encoding: 'utf8' });
  if (stdout?.includes(` ${made}.`)) return;
  throw new Refusal(
    `The data in ${cluster} were made by PostgreSQL ${made}, which this version does not read: go back to the version that made them, or begin anew with: npm run up -- --reset`,
  );
}

const options = [
  ...['--encoding=UTF8', '--locale=C', '--auth=scram-sha-256', `--username=${superuser}`],
  // A new file of the log is filled with zeros while all commits wait: 8 ms, and 20 to 100 for the 16 MB of the default.
  '--wal-segsize=4',
];

function initialise(cluster, password, binaries, user) {
  const draft = `${cluster}.new`;
  const passwordFile = `${cluster}.password`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user) {
    chownSync(draft, user.uid, user.gid);
    chownSync(passwordFile, user.uid, user.gid);
  }
  const made = spawnSync(join(binaries, 'initdb'), [...options, `--pwfile=${passwordFile}`, '-D', draft], {
    ...user,
    cwd: '/',
    encoding: 'utf8',
  });
  rmSync(passwordFile);
  const ended = made.status === 0 ? createDatabase(draft, binaries, user) : made;
  if (ended.status !== 0) {
    rmSync(draft, { recursive: true, force: true });
    throw new Refusal('PostgreSQL could not make its data folder: see the lines above.', {
      cause: ended.error,
      details: ended.stderr ?? String(ended.error),
    });
  }
  renameSync(draft, cluster);
}

// Single-user mode needs no client, and nothing is installed that is one.
function createDatabase(cluster, binaries, user) {
  return spawnSync(join(binaries, 'postgres'), ['--single', '-D', cluster, 'postgres'], {
    ...user,
    cwd: '/',
    encoding: 'utf8',
    input: `CREATE DATABASE ${defaultDatabase};\n`,
  });
}
