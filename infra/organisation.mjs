// One organisation of the local federation, started, stopped and forgotten as a whole; each can be done twice.
import { mkdirSync, rmSync } from 'node:fs';
import {
  credentialsOf,
  pathsOf,
  removeFromFederation,
  replaceFile,
  writeFederation,
  writeTrustPolicy,
} from './federation.mjs';
import {
  findGateway,
  findLastPort,
  isSeeded,
  isUsable,
  seedGateway,
  startGateway,
  stopGateway,
} from './gateway.mjs';
import { findFreePort } from './ports.mjs';
import {
  defaultDatabase,
  isPostgresRunning,
  removePostgres,
  startPostgres,
  stopPostgres,
} from './postgres.mjs';
import { say, step } from './steps.mjs';

/** Starts what does not run yet; gives the gateway's port. */
export async function startOrganisation(organisation) {
  const paths = pathsOf(organisation);
  mkdirSync(paths.folder, { recursive: true, mode: 0o711 }); // PostgreSQL may run as another user
  await step(`PostgreSQL of ${organisation.name}`, async () => {
    const server = await startPostgres({ dataDir: paths.postgres, life: 'detached' });
    replaceFile(paths.databaseUrl, server.url(defaultDatabase), 0o600);
    return server.adopted ? 'was already running' : 'started';
  });
  const credentials = credentialsOf(organisation);
  const port = await startGatewayOnce(organisation, credentials);
  await warnIfFrozen(organisation, port);
  writeTrustPolicy(organisation);
  writeFederation({
    name: organisation.name,
    registry: `127.0.0.1:${port}`,
    graphql: `http://127.0.0.1:${port}/graphql`,
    log: `http://127.0.0.1:${port}/log/public`,
    nats: null,
    credentials,
  });
  return port;
}

/** Stops gateway and database, in this order; false when neither was running. */
export async function stopOrganisation(organisation) {
  const { postgres } = pathsOf(organisation);
  const hasGateway = findGateway(organisation) !== undefined;
  const hasPostgres = isPostgresRunning(postgres);
  if (hasGateway) await step(`Gateway of ${organisation.name} stopped`, () => stopGateway(organisation));
  if (hasPostgres) await step(`PostgreSQL of ${organisation.name} stopped`, () => stopPostgres(postgres));
  return hasGateway || hasPostgres;
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
async function warnIfFrozen(organisation, port) {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(5_000) });
  const { status, reason } = await response.json().catch(() => ({}));
  if (status === 'frozen') {
    say(`  ! ${organisation.name} takes no pushes: ${reason} See docs/operators.md, "A frozen ledger".`);
  }
}

async function startGatewayOnce(organisation, credentials) {
  const running = findGateway(organisation);
  if (running && (await isUsable(running, organisation))) {
    await step(`Gateway of ${organisation.name}`, async () => `was already running on port ${running.port}`);
    return running.port;
  }
  if (running) {
    await step(`Gateway of ${organisation.name} stopped, as it does not answer`, () =>
      stopGateway(organisation),
    );
  }
  const wanted = findLastPort(organisation) ?? organisation.defaultPort;
  const port = await findFreePort(wanted);
  if (!isSeeded(organisation, credentials)) {
    await step(`Accounts and public namespace of ${organisation.name}`, () =>
      seedGateway(organisation, port, credentials),
    );
  }
  await step(`Gateway of ${organisation.name}`, async () => {
    await startGateway(organisation, port);
    return port === wanted
      ? `started on port ${port}`
      : `started on port ${port}, as another program has ${wanted}`;
  });
  return port;
}
