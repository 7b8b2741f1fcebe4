import { type Credentials, openSession, type Session } from '@dockchains/client';

import { findDockerCredentials } from './docker-credentials.ts';
import { CliError } from './errors.ts';
import type { Io } from './io.ts';
import { gatewayUrl, type KnownOrganisation, readOrganisations } from './organisations.ts';

/** A gateway to talk to, and the organisation behind it where that is known. */
export type Gateway = {
  readonly organisation: KnownOrganisation | undefined;
  /** `host:port`. */
  readonly registry: string;
  readonly url: string;
};

/** For whom a session is opened: an operator administers, a publisher reads and pushes. */
export type Role = 'operator' | 'publisher';

/**
 * Chooses the gateway that an organisation's name, a `host:port` or a URL stands for; nothing: the one that is known.
 * @throws CliError USAGE
 */
export async function chooseGateway(io: Io, text: string | undefined): Promise<Gateway> {
  const organisations = await readOrganisations(io);
  if (text === undefined) {
    const [only, second] = organisations;
    if (only !== undefined && second === undefined) return toGateway(only);
    const known = organisations.map(({ name }) => name).join(', ');
    throw new CliError(
      'USAGE',
      only === undefined
        ? 'No organisation is known. Run "npm run up" in the clone, or "dockchains login host:port".'
        : `Several organisations are known: ${known}. Name one of them, as in "--registry ${only.name}" or "dockchains login ${only.name}".`,
    );
  }
  const name = text.replace(/\/+$/, '');
  const found = organisations.find((entry) => [entry.name, entry.registry, entry.url].includes(name));
  if (found !== undefined) return toGateway(found);
  if (/^https?:\/\//.test(name) && URL.canParse(name)) {
    const { origin, host } = new URL(name);
    return { organisation: undefined, registry: host, url: origin };
  }
  if (!/^[a-zA-Z0-9.-]{1,253}(?::[0-9]{1,5})?$|^\[[0-9a-fA-F:]{2,45}\](?::[0-9]{1,5})?$/.test(name)) {
    throw new CliError('USAGE', `"${name.slice(0, 300)}" is no organisation, host:port or URL.`);
  }
  return { organisation: undefined, registry: name, url: gatewayUrl(name) };
}

/** Opens a session with the credentials that are stored for the gateway, anonymous if there are none. */
export async function openGateway(io: Io, gateway: Gateway, role: Role): Promise<Session> {
  return openSession({
    url: gateway.url,
    fetch: io.fetch,
    credentials: await findCredentials(io, gateway, role),
  });
}

/**
 * Finds the credentials for a role: Docker's, else those that the clone keeps for its own demo organisations. Whoever
 * administers those does so as their operator, even after `docker login` as somebody who may not.
 */
export async function findCredentials(
  io: Io,
  { organisation, registry }: Gateway,
  role: Role,
): Promise<Credentials | undefined> {
  const cloned = organisation?.credentials[role];
  if (role === 'operator' && cloned !== undefined) return cloned;
  return (await findDockerCredentials(io, registry)) ?? cloned;
}

function toGateway(organisation: KnownOrganisation): Gateway {
  return { organisation, registry: organisation.registry, url: organisation.url };
}
