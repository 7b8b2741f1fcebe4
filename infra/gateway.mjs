// One organisation's gateway as a background process: started, recognised on the next run, stopped.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { pathsOf, replaceFile } from './federation.mjs';
import { digestOfCode } from './gateway-code.mjs';
import { formatLog, readLogTail } from './gateway-log.mjs';
import { findStartTime, isAlive, stopProcess } from './processes.mjs';
import { Refusal } from './steps.mjs';
import { getNode, inRoot, root, runQuietly, toolEnvironment } from './toolchain.mjs';

const main = inRoot('apps', 'gateway', 'main.mjs');
const readyTimeoutMs = 60_000;
const maxLogBytes = 16 * 2 ** 20;
// Uploads in progress are finished before it ends.
const orderlyStop = [
  ['SIGTERM', 30_000],
  ['SIGKILL', 10_000],
];

// The environment of an organisation's gateway; whatever DOCKCHAINS_* this shell has set is left out.
function gatewayEnvironment(organisation, { port, natsUrl }) {
  const paths = pathsOf(organisation);
  const inherited = Object.entries(toolEnvironment()).filter(([name]) => !name.startsWith('DOCKCHAINS_'));
  return {
    ...Object.fromEntries(inherited),
    DOCKCHAINS_ORGANISATION: organisation.name,
    DOCKCHAINS_LISTEN: `127.0.0.1:${port}`,
    DOCKCHAINS_PUBLIC_URL: `http://127.0.0.1:${port}`,
    DOCKCHAINS_DATABASE_URL_FILE: paths.databaseUrl,
    DOCKCHAINS_BLOBS: paths.blobs,
    DOCKCHAINS_KEYS_DIR: paths.keys,
    ...(natsUrl && { DOCKCHAINS_NATS_URL: natsUrl }),
  };
}

/** The gateway that an earlier run started and that still runs: `{ pid, port, code, configuration }`; else undefined. */
export function findGateway(organisation) {
  const { gateway } = readRecord(organisation) ?? {};
  if (!gateway || !isAlive(gateway.pid) || findStartTime(gateway.pid) !== gateway.start) return undefined;
  return gateway;
}

/** The port of an earlier run, also when its gateway is gone. */
export function findLastPort(organisation) {
  return readRecord(organisation)?.gateway.port;
}

/** Why a running gateway has to be started anew: its code or configuration is another one now, or it does not answer; else undefined. */
export async function findStaleness(gateway, organisation, natsUrl) {
  if (gateway.code !== digestOfCode()) return 'as it runs other code than is here now';
  if (gateway.configuration !== configurationOf(organisation, { port: gateway.port, natsUrl })) {
    return 'as its configuration has changed';
  }
  return (await waitUntilReady(gateway, 5_000)) ? undefined : 'as it does not answer';
}

/** Starts the gateway at a port, and with a NATS server if there is one; resolves when it is ready. @throws {Refusal} with the end of its log when it does not come up. */
export async function startGateway(organisation, place) {
  const paths = pathsOf(organisation);
  rotate(paths.log);
  const from = existsSync(paths.log) ? statSync(paths.log).size : 0;
  const output = openSync(paths.log, 'a', 0o600);
  const code = digestOfCode();
  const child = spawn(getNode(), [main], {
    cwd: root,
    env: gatewayEnvironment(organisation, place),
    detached: true,
    stdio: ['ignore', output, output],
  });
  child.unref();
  closeSync(output);
  const gateway = {
    pid: child.pid,
    start: findStartTime(child.pid),
    port: place.port,
    code,
    configuration: configurationOf(organisation, place),
  };
  replaceFile(paths.gateway, JSON.stringify({ gateway }), 0o600);
  if (await waitUntilReady(gateway, readyTimeoutMs)) return gateway;
  const state = isAlive(child.pid) ? 'is not ready after a minute' : 'ended while it was starting';
  await stopGateway(organisation);
  throw new Refusal(`The gateway of ${organisation.name} ${state}: see the lines above, from ${paths.log}.`, {
    details: readLogTail(paths.log, from),
  });
}

/** Stops the gateway, letting uploads finish; false when none was running. */
export async function stopGateway(organisation) {
  const gateway = findGateway(organisation);
  if (!gateway) return false;
  await stopProcess(gateway.pid, orderlyStop);
  return true;
}

/** Whether the accounts and namespaces that have to be there were given to the gateway by an earlier run. */
export function isSeeded(organisation, credentials) {
  const { seeded } = pathsOf(organisation);
  return existsSync(seeded) && readFileSync(seeded, 'utf8') === digestOf(seedOf(credentials));
}

/** Gives the gateway's own offline command the accounts and namespaces that have to be there. */
export async function seedGateway(organisation, place, credentials) {
  const seed = seedOf(credentials);
  const env = gatewayEnvironment(organisation, place);
  const { code, output } = await runQuietly(getNode(), [main, 'seed'], { env, input: JSON.stringify(seed) });
  if (code !== 0) {
    throw new Refusal(`The accounts of ${organisation.name} could not be made: see the lines above.`, {
      details: formatLog(output),
    });
  }
  replaceFile(pathsOf(organisation).seeded, digestOf(seed), 0o600);
}

function seedOf(credentials) {
  const policies = {
    operator: [{ pattern: '**', actions: ['admin'] }],
    publisher: [{ pattern: 'public/**', actions: ['push', 'tag:create', 'tag:move', 'delete'] }],
    reader: [{ pattern: '**', actions: ['pull'] }],
    arbitrator: [],
  };
  return {
    accounts: Object.values(credentials).map((account) => ({
      ...account,
      policies: policies[account.username],
    })),
    namespaces: [{ pattern: 'public/**', visibility: 'public' }],
  };
}

async function waitUntilReady({ pid, port }, timeoutMs) {
  const deadline = performance.now() + timeoutMs;
  while (isAlive(pid) && performance.now() < deadline) {
    if (await answers(`http://127.0.0.1:${port}/readyz`)) return true;
    await pause(25);
  }
  return false;
}

async function answers(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

// A gateway whose database has moved, or which an older bootstrap started, has to be started anew.
function configurationOf(organisation, place) {
  const own = Object.entries(gatewayEnvironment(organisation, place)).filter(([name]) =>
    name.startsWith('DOCKCHAINS_'),
  );
  const url = readFileSync(pathsOf(organisation).databaseUrl, 'utf8');
  return digestOf([own, url]);
}

const digestOf = (value) => createHash('sha256').update(JSON.stringify(value)).digest('hex');

function readRecord(organisation) {
  const path = pathsOf(organisation).gateway;
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    rmSync(path);
    return undefined;
  }
}

function rotate(log) {
  if (existsSync(log) && statSync(log).size > maxLogBytes) renameSync(log, `${log}.1`);
}
