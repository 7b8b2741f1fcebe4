// `npm run up [-- --detach] [-- --reset] [-- ORGANISATION …]`: from whatever is there to a running federation.
import { relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  chooseOrganisations,
  federationFile,
  findNeighbours,
  organisations,
  pathsOf,
  stateLock,
  userNames,
} from './federation.mjs';
import { followWarnings } from './gateway-log.mjs';
import { findGateway } from './gateway.mjs';
import { ensureInstalled, requireSpace } from './install.mjs';
import { withLock } from './lock.mjs';
import { ensureNatsServer } from './nats-binaries.mjs';
import { forgetOrganisation, startOrganisation, stopOrganisation } from './organisation.mjs';
import { makePeers } from './peering.mjs';
import { forAll, formatDuration, Refusal, say, style } from './steps.mjs';
import { root } from './toolchain.mjs';
import { writeTrustPolicy } from './trust.mjs';

const neededMebibytesEach = 150;

/** Starts the organisations; stays in front until Ctrl-C unless detached. */
export async function up(args) {
  const { detach, reset, chosen } = parseOptions(args);
  const started = performance.now();
  const stopAsked = detach ? undefined : listenForStop();
  await ensureInstalled();
  requireSpace(neededMebibytesEach * chosen.length);
  const running = await withLock(stateLock, async () => {
    if (reset) await forgetAll(chosen);
    const natsServer = await ensureNatsServer();
    await forAll(chosen, (organisation) => startOrganisation(organisation, natsServer));
    writeTrustPolicy();
    const all = findRunning();
    await makePeers(all);
    return all;
  });
  say(`\n${style.bold('Dockchains is ready')} after ${formatDuration(performance.now() - started)}.\n`);
  printTable(running);
  printNextCommands(running);
  return detach ? 0 : stayInFront(chosen, stopAsked);
}

/** Stops the organisations; with `--reset` removes everything they kept, too. */
export async function down(args) {
  const { reset, chosen } = parseOptions(args);
  const stopped = await withLock(stateLock, async () => {
    if (reset) requireAllOf(chosen);
    const all = await forAll(chosen, stopOrganisation);
    if (reset) await forAll(chosen, forgetOrganisation);
    return all;
  });
  if (!stopped.some(Boolean)) say('  Nothing was running.');
  return 0;
}

async function forgetAll(chosen) {
  requireAllOf(chosen);
  await forAll(chosen, forgetOrganisation);
}

/** With their ports, also those that an earlier run started. */
function findRunning() {
  return organisations
    .map((organisation) => ({ organisation, port: findGateway(organisation)?.port }))
    .filter(({ port }) => port !== undefined);
}

// Who begins anew under its old name is a forger to those who have witnessed its ledgers, and they never forget.
function requireAllOf(chosen) {
  const others = findNeighbours(chosen);
  if (others.length === 0) return;
  throw new Refusal(
    `${others.join(' and ')} would take the new ledgers of ${chosen.map(({ name }) => name).join(' and ')} for forged ones: use --reset without names, for all.`,
  );
}

function parseOptions(args) {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { detach: { type: 'boolean' }, reset: { type: 'boolean' } },
    });
    return { ...values, chosen: chooseOrganisations(positionals) };
  } catch (cause) {
    if (cause instanceof Refusal) throw cause;
    throw new Refusal(
      `${cause.message} Use: npm run up -- [--detach] [--reset] [ORGANISATION …], or npm run down -- [--reset] [ORGANISATION …]`,
      { cause },
    );
  }
}

function printTable(running) {
  const header = ['organisation', 'registry', 'GraphQL', 'public ledger'];
  const rows = running.map(({ organisation, port }) => [
    ...[organisation.name, `127.0.0.1:${port}`],
    ...[`http://127.0.0.1:${port}/graphql`, `http://127.0.0.1:${port}/log/public`],
  ]);
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const lineOf = (cells) =>
    `  ${cells
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd()}`;
  say(style.dim(lineOf(header)));
  for (const row of rows) say(lineOf(row));
  const [{ organisation }] = running;
  say();
  say(`  ${style.dim('users'.padEnd(12))}  ${userNames.join(', ')}`);
  say(`  ${style.dim('passwords'.padEnd(12))}  ${relative(root, federationFile)}`);
  say(`  ${style.dim('logs'.padEnd(12))}  ${relative(root, pathsOf(organisation).log)} and so on`);
}

function printNextCommands([{ organisation, port }, ...others]) {
  const index = `organisations.find(({ name }) => name === '${organisation.name}')`;
  const password = `require('./${relative(root, federationFile)}').${index}.credentials.publisher.password`;
  const image = `127.0.0.1:${port}/public/hello:1.0`;
  say('\nTry next:');
  say(`  node -p "${password}" | docker login 127.0.0.1:${port} -u publisher --password-stdin`);
  say(`  tar -c README.md | docker import - ${image} && docker push ${image}`);
  say(`  npx dockchains verify ${image}`);
  const mirror = others.at(-1);
  if (mirror) say(`  docker pull 127.0.0.1:${mirror.port}/${organisation.name}/public/hello:1.0`);
  say();
}

// From the start, so that Ctrl-C while something is starting stops what has been started, too.
function listenForStop() {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => controller.abort());
  return controller.signal;
}

async function stayInFront(chosen, stopAsked) {
  say(style.dim('Ctrl-C stops it. Warnings follow.'));
  for (const organisation of chosen) followWarnings(organisation.name, pathsOf(organisation).log, stopAsked);
  let alive = chosen;
  while (!stopAsked.aborted && alive.length > 0) {
    const now = chosen.filter((organisation) => findGateway(organisation) !== undefined);
    for (const ended of alive.filter((organisation) => !now.includes(organisation))) {
      say(`The gateway of ${ended.name} was stopped or ended by itself: its log is ${pathsOf(ended).log}.`);
    }
    alive = now;
    await pause(500, undefined, { signal: stopAsked }).catch(() => undefined);
  }
  say();
  await withLock(stateLock, () => forAll(chosen, stopOrganisation));
  return stopAsked.aborted ? 0 : 1;
}
