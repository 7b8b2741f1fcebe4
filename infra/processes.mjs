// Processes by id: are they alive, are they the ones we started, how they are stopped.
import { readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';

/** Whether a process of this id exists and is not a zombie. */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
  return findProcessState(pid) !== 'Z';
}

/** The command line of a process, or undefined when it is gone or hidden. */
export function findCommandLine(pid) {
  if (process.platform === 'linux') {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
    } catch {
      return undefined;
    }
  }
  const { stdout } = spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout?.trim() || undefined;
}

/** When a process started, as opaque text: with its id it names one process for ever. Undefined when gone. */
export function findStartTime(pid) {
  if (process.platform === 'linux') return readStat(pid)?.[19];
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout?.trim() || undefined;
}

// False when it is still there after the bound.
async function waitForExit(pid, timeoutMs) {
  const deadline = performance.now() + timeoutMs;
  while (isAlive(pid)) {
    if (performance.now() > deadline) return false;
    await pause(15);
  }
  return true;
}

/** Sends signals in turn, each with its time to act, until the process is gone. The last should be SIGKILL. */
export async function stopProcess(pid, signals) {
  for (const [signal, timeoutMs] of signals) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (error.code === 'ESRCH') return signal;
      throw error;
    }
    if (await waitForExit(pid, timeoutMs)) return signal;
  }
  throw new Error(`Process ${pid} does not end, not even by SIGKILL.`);
}

function findProcessState(pid) {
  return process.platform === 'linux' ? readStat(pid)?.[0] : undefined;
}

// proc(5): the fields after the command's closing parenthesis; the first is the state, the twentieth the start.
function readStat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
