// One organisation's NATS server as a background process: started, recognised on the next run, stopped.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathsOf, replaceFile } from './federation.mjs';
import { findFreePort } from './ports.mjs';
import { findStartTime, isAlive, stopProcess } from './processes.mjs';
import { Refusal } from './steps.mjs';

const readyTimeoutMs = 20_000;
const maxLogBytes = 16 * 2 ** 20;
const orderlyStop = [
  ['SIGTERM', 10_000],
  ['SIGKILL', 10_000],
];

/** The server that an earlier run started and that still runs: `{ pid, port }`; else undefined. */
export function findNats(organisation) {
  const server = readRecord(organisation);
  if (!server || !isAlive(server.pid) || findStartTime(server.pid) !== server.start) return undefined;
  return server;
}

/** The port that the server has or, when it does not run, will be started on: that of the last run, if it is free. */
export async function chooseNatsPort(organisation) {
  const running = findNats(organisation);
  return running ? running.port : findFreePort(readRecord(organisation)?.port);
}

/** Where its gateway and its peers reach the server. */
export const natsUrlOf = (port) => `nats://127.0.0.1:${port}`;

/**
 * Starts the server on a port, unless it runs; resolves with whether it was running once it answers. Its gateway must have
 * started: it says who may come in.
 * @throws {Refusal} with the end of its log when it does not come up
 */
export async function startNats(organisation, program, port) {
  if (findNats(organisation)) return true;
  const paths = pathsOf(organisation);
  mkdirSync(paths.nats, { recursive: true, mode: 0o700 });
  const configuration = join(paths.nats, 'nats.conf');
  replaceFile(configuration, configurationOf(paths, port), 0o600);
  const log = join(paths.nats, 'nats.log');
  const from = logSize(log) > maxLogBytes ? 0 : logSize(log);
  const output = openSync(log, from === 0 ? 'w' : 'a', 0o600);
  const child = spawn(program, ['-c', configuration], {
    cwd: paths.nats,
    detached: true, // a Ctrl-C meant for us must not reach it
    stdio: ['ignore', output, output],
  });
  const failed = new Promise((resolve) => child.once('error', resolve));
  child.unref();
  closeSync(output);
  if (child.pid) {
    const server = { pid: child.pid, start: findStartTime(child.pid), port };
    replaceFile(recordOf(organisation), JSON.stringify(server), 0o600);
    if (await waitUntilReady(server)) return false;
  }
  await stopNats(organisation);
  throw new Refusal(
    `The NATS server of ${organisation.name} did not start: see the lines above, from ${log}.`,
    {
      cause: child.pid ? undefined : await failed,
      details: readFileSync(log, 'utf8').slice(from).slice(-4000),
    },
  );
}

/** Stops the server if it runs. */
export async function stopNats(organisation) {
  const server = findNats(organisation);
  if (server) await stopProcess(server.pid, orderlyStop);
}

// As docs/operators.md has it. The file of accounts is the gateway's; a path of inclusion is relative to this file.
const configurationOf = ({ nats, keys }, port) => `listen: "127.0.0.1:${port}"
max_payload: 1048576
jetstream { store_dir: ${JSON.stringify(join(nats, 'jetstream'))} }
resolver { type: full, dir: ${JSON.stringify(join(nats, 'accounts'))}, allow_delete: false }
include ${JSON.stringify(relative(nats, join(keys, 'nats-accounts.conf')))}
`;

async function waitUntilReady({ pid, port }) {
  const deadline = performance.now() + readyTimeoutMs;
  while (isAlive(pid) && performance.now() < deadline) {
    if (await accepts(port)) return true;
    await pause(25);
  }
  return false;
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}

const recordOf = (organisation) => join(pathsOf(organisation).nats, 'nats.json');

function readRecord(organisation) {
  const path = recordOf(organisation);
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

const logSize = (log) => (existsSync(log) ? statSync(log).size : 0);
