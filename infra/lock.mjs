// A lock file that survives crashes: it holds the id and start time of its holder, and a dead holder's is taken over.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { findStartTime, isAlive } from './processes.mjs';
import { say } from './steps.mjs';

/** Runs work while no other process holds the same lock file; waits for a living holder, says so once. */
export async function withLock(path, work) {
  mkdirSync(dirname(path), { recursive: true });
  const mine = `${process.pid} ${findStartTime(process.pid)}`;
  let waiting = false;
  while (!take(path, mine)) {
    const holder = read(path);
    if (holder === undefined) continue;
    if (isStale(holder)) {
      discard(path, holder);
      continue;
    }
    if (!waiting) say(`  Waiting for another run here (process ${holder.split(' ')[0]}) to finish.`);
    waiting = true;
    await pause(100);
  }
  try {
    return await work();
  } finally {
    if (read(path) === mine) rmSync(path, { force: true });
  }
}

// A link appears with its content, so that no reader ever sees an empty lock.
function take(path, mine) {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, mine);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isStale(holder) {
  const [pid, ...start] = holder.split(' ');
  return !isAlive(Number(pid)) || findStartTime(Number(pid)) !== start.join(' ');
}

// Moved aside first: if another process has replaced it meanwhile, its lock is put back.
function discard(path, stale) {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
    if (read(aside) !== stale) linkSync(aside, path);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  }
  rmSync(aside, { force: true });
}
