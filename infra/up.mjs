// `npm run up [-- --detach] [-- --reset] [-- ORGANISATION …]`: from whatever is there to a running federation.
import { relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { chooseOrganisations, federationFile, pathsOf, stateLock, userNames } from './federation.mjs';
import { followWarnings } from './gateway-log.mjs';
import { findGateway } from './gateway.mjs';
import { ensureInstalled, requireSpace } from './install.mjs';
import { withLock } from './lock.mjs';
import { forgetOrganisation, startOrganisation, stopOrganisation } from './organisation.mjs';
import { formatDuration, Refusal, say, style } from './steps.mjs';
import { root } from './toolchain.mjs';

const neededMebibytes = 200;

/** Starts the organisations; stays in front until Ctrl-C unless detached. */
export async function up(args) {
  const { detach, reset, chosen } = parseOptions(args);
  const started = performance.now();
  const stopAsked = detach ? undefined : listenForStop();
  await ensureInstalled();
  requireSpace(neededMebibytes);
  const ports = await withLock(stateLock, async () => {
    if (reset) for (const organisation of chosen) await forgetOrganisation(organisation);
    const all = [];
    for (const organisation of chosen) all.push(await startOrganisation(organisation));
    return all;
  });
  say(`\n${style.bold('Dockchains is ready')} after ${formatDuration(performance.now() - started)}.\n`);
  chosen.forEach((organisation, index) => printTable(organisation, ports[index]));
  printNextCommands(ports[0]);
  return detach ? 0 : stayInFront(chosen, stopAsked);
}

/** Stops the organisations; with `--reset` removes everything they kept, too. */
export async function down(args) {
  const { reset, chosen } = parseOptions(args);
  const stopped = await withLock(stateLock, async () => {
    const all = [];
    for (const organisation of chosen) all.push(await stopOrganisation(organisation));
    if (reset) for (const organisation of chosen) await forgetOrganisation(organisation);
    return all;
  });
  if (!stopped.some(Boolean)) say('  Nothing was running.');
  return 0;
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

function printTable(organisation, port) {
  const rows = [
    ['organisation', organisation.name],
    ['registry', `127.0.0.1:${port}`],
    ['GraphQL', `http://127.0.0.1:${port}/graphql`],
    ['public ledger', `http://127.0.0.1:${port}/log/public`],
    ['users', userNames.join(', ')],
    ['passwords', relative(root, federationFile)],
    ['log', relative(root, pathsOf(organisation).log)],
  ];
  for (const [name, value] of rows) say(`  ${style.dim(name.padEnd(14))} ${value}`);
}

function printNextCommands(port) {
  const password = `require('./${relative(root, federationFile)}').organisations[0].credentials.publisher.password`;
  const image = `127.0.0.1:${port}/public/hello:1.0`;
  say('\nTry next:');
  say(`  node -p "${password}" | docker login 127.0.0.1:${port} -u publisher --password-stdin`);
  say(`  tar -c README.md | docker import - ${image} && docker push ${image}`);
  say(`  npx dockchains verify ${image}\n`);
}

// From the start, so that Ctrl-C while something is starting stops what has been started, too.
function listenForStop() {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => controller.abort());
  return controller.signal;
}

async function stayInFront(chosen, stopAsked) {
  say(style.dim('Ctrl-C stops it. Warnings follow.'));
  for (const organisation of chosen) followWarnings(pathsOf(organisation).log, stopAsked);
  const isRunning = (organisation) => findGateway(organisation) !== undefined;
  while (!stopAsked.aborted && chosen.every(isRunning)) {
    await pause(500, undefined, { signal: stopAsked }).catch(() => undefined);
  }
  const ended = chosen.find((organisation) => !isRunning(organisation));
  say();
  await withLock(stateLock, async () => {
    for (const organisation of chosen) await stopOrganisation(organisation);
  });
  if (stopAsked.aborted) return 0;
  say(`The gateway of ${ended.name} was stopped or ended by itself: its log is ${pathsOf(ended).log}.`);
  return 1;
}
