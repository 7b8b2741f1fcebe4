// One organisation of the local federation, started, stopped and forgotten as a whole; each can be done twice.
import { mkdirSync, rmSync } from 'node:fs';
import { credentialsOf, pathsOf, removeFromFederation, replaceFile, writeFederation } from './federation.mjs';
import {
  findGateway,
  findLastPort,
  findStaleness,
  isSeeded,
  seedGateway,
  startGateway,
  stopGateway,
} from './gateway.mjs';
import { chooseNatsPort, findNats, natsUrlOf, startNats, stopNats } from './nats.mjs';
import { fetchText } from './own-gateway.mjs';
import { findFreePort } from './ports.mjs';
import {
  defaultDatabase,
  isPostgresRunning,
  removePostgres,
  startPostgres,
  stopPostgres,
} from './postgres.mjs';
import { step, warn } from './steps.mjs';

/** Starts what does not run yet, with a NATS server if there is the program for one; gives the gateway's port. */
export async function startOrganisation(organisation, natsServer) {
  const paths = pathsOf(organisation);
  mkdirSync(paths.folder, { recursive: true, mode: 0o711 }); // PostgreSQL may run as another user
  await step(`PostgreSQL of ${organisation.name}`, async () => {
    const server = await startPostgres({ dataDir: paths.postgres, life: 'detached' });
    replaceFile(paths.databaseUrl, server.url(defaultDatabase), 0o600);
    return server.adopted ? 'was already running' : 'started';
  });
  const credentials = credentialsOf(organisation);
  const natsPort = natsServer && (await chooseNatsPort(organisation));
  const natsUrl = natsServer && natsUrlOf(natsPort);
  const port = await startGatewayOnce(organisation, credentials, natsUrl);
  if (natsServer) await startNatsOnce(organisation, natsServer, natsPort);
  const url = `http://127.0.0.1:${port}`;
  await warnIfFrozen(organisation, url);
  const descriptor = await fetchText(`${url}/.well-known/dockchains/organisation.json`);
  replaceFile(paths.descriptor, descriptor, 0o644);
  writeFederation({
    name: organisation.name,
    registry: `127.0.0.1:${port}`,
    graphql: `${url}/graphql`,
    log: `${url}/log/public`,
    nats: natsUrl ?? null,
    credentials,
  });
  return port;
}

/** Stops gateway, NATS server and database, in this order; false when none was running. */
export async function stopOrganisation(organisation) {
  const { postgres } = pathsOf(organisation);
  const hasGateway = findGateway(organisation) !== undefined;
  const hasNats = findNats(organisation) !== undefined;
  const hasPostgres = isPostgresRunning(postgres);
  if (hasGateway) await step(`Gateway of ${organisation.name} stopped`, () => stopGateway(organisation));
  if (hasNats) await step(`NATS of ${organisation.name} stopped`, () => stopNats(organisation));
  if (hasPostgres) await step(`PostgreSQL of ${organisation.name} stopped`, () => stopPostgres(postgres));
  return hasGateway || hasNats || hasPostgres;
}

/** Stops an organisation and removes everything it kept. */
export async function forgetOrganisation(organisation) {
  await stopOrganisation(organisation);
  await step(`State of ${organisation.name} removed`, async () => {
    const { postgres, folder } = pathsOf(organisation);
    removePostgres(postgres);
    rmSync(folder, { recursive: true, force: true });
    removeFromFederation(organisation.name);
  });
}

/** A frozen gateway serves reads, so it is up; but nobody can push to it. */
async function warnIfFrozen({ name }, url) {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
  const { status, reason } = await response.json().catch(() => ({}));
  if (status === 'frozen') {
    warn(`${name} takes no pushes: ${reason} See docs/operators.md, "A frozen ledger".`);
  }
}

async function startNatsOnce(organisation, program, port) {
  await step(`NATS of ${organisation.name}`, async () => {
    const adopted = await startNats(organisation, program, port);
    return `${adopted ? 'was already running' : 'started'} on port ${port}`;
  });
}

async function startGatewayOnce(organisation, credentials, natsUrl) {
  const running = findGateway(organisation);
  const staleness = running && (await findStaleness(running, organisation, natsUrl));
  if (running && staleness === undefined) {
    await step(`Gateway of ${organisation.name}`, async () => `was already running on port ${running.port}`);
    return running.port;
  }
  if (running) {
    await step(`Gateway of ${organisation.name} stopped, ${staleness}`, () => stopGateway(organisation));
  }
  const wanted = findLastPort(organisation) ?? organisation.defaultPort;
  const port = await findFreePort(wanted);
  if (!isSeeded(organisation, credentials)) {
    await step(`Accounts and public namespace of ${organisation.name}`, () =>
      seedGateway(organisation, { port, natsUrl }, credentials),
    );
  }
  await step(`Gateway of ${organisation.name}`, async () => {
    await startGateway(organisation, { port, natsUrl });
    return port === wanted
      ? `started on port ${port}`
      : `started on port ${port}, as another program has ${wanted}`;
  });
  return port;
}
