import { join } from 'node:path';

import { z } from 'zod';

import { CliError } from './errors.ts';
import { configDirectory, findCloneFile, findFile, writeFileAtomically } from './files.ts';
import type { Io } from './io.ts';

const credentials = z.looseObject({ username: z.string(), password: z.string() });

const organisation = z.looseObject({
  name: z.string().regex(/^[a-z0-9.-]{1,253}$/),
  registry: z.string().min(1).max(300),
  graphql: z.string().max(2048).optional(),
  log: z.string().max(2048).optional(),
  fingerprint: z.string().max(64).optional(),
  credentials: z.record(z.string(), credentials).optional(),
});

const file = z.looseObject({ version: z.literal(1), organisations: z.array(organisation).max(10_000) });

/** An organisation that the command knows how to reach. */
export type KnownOrganisation = {
  /** DNS name, such as `acme.example`. */
  readonly name: string;
  /** `host:port` as in image references. */
  readonly registry: string;
  /** Root of its gateway. */
  readonly url: string;
  /** Of its OpenPGP certificate, pinned on first contact: 40 hexadecimal digits, uppercase. */
  readonly fingerprint: string | undefined;
  /** Of the clone's federation file alone, by role. */
  readonly credentials: Readonly<Record<string, { readonly username: string; readonly password: string }>>;
};

type StoredOrganisation = z.output<typeof organisation>;

const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Reads the known organisations: those of `config.json`, then those of the clone's `.dockchains/federation.json` that it
 * does not name.
 * @throws CliError BAD_CONFIGURATION
 */
export async function readOrganisations(io: Io): Promise<readonly KnownOrganisation[]> {
  const own = await readFileOf(configPath(io));
  const clonePath = await findCloneFile(io, 'federation.json');
  const clone = clonePath === undefined ? [] : await readFileOf(clonePath);
  const cloned = new Map(clone.map((entry) => [entry.name, entry]));
  const named = new Set(own.map(({ name }) => name));

  return [
    // The same gateway under both: the clone's credentials still open it.
    ...own.map((entry) => {
      const twin = cloned.get(entry.name);
      return toKnown(twin?.registry === entry.registry ? { ...entry, credentials: twin.credentials } : entry);
    }),
    ...clone.filter(({ name }) => !named.has(name)).map(toKnown),
  ];
}

/** Adds an organisation to `config.json`, in the place of one of that name. */
export async function rememberOrganisation(
  io: Io,
  { name, registry, url, fingerprint }: { name: string; registry: string; url: string; fingerprint: string },
): Promise<void> {
  const path = configPath(io);
  const others = (await readFileOf(path)).filter((entry) => entry.name !== name);
  const addresses = { registry, graphql: `${url}/graphql`, log: `${url}/log/public` };
  const organisations = [...others, { name, ...addresses, fingerprint }];
  await writeFileAtomically(path, `${JSON.stringify({ version: 1, organisations }, null, 2)}\n`);
}

/** The root of the gateway that an image reference's host stands for: TLS, but on this machine. */
export function gatewayUrl(registry: string): string {
  return `${isLoopback(registry) ? 'http' : 'https'}://${registry}`;
}

/** Whether `host[:port]` is this machine. */
export function isLoopback(registry: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/.test(registry);
}

function configPath(io: Io): string {
  return join(configDirectory(io), 'config.json');
}

function toKnown({
  name,
  registry,
  graphql,
  log,
  fingerprint,
  credentials,
}: StoredOrganisation): KnownOrganisation {
  const hint = [graphql, log].find((url) => url !== undefined && URL.canParse(url));
  return {
    name,
    registry,
    url: hint === undefined ? gatewayUrl(registry) : new URL(hint).origin,
    fingerprint,
    credentials: credentials ?? {},
  };
}

async function readFileOf(path: string): Promise<readonly StoredOrganisation[]> {
  const bytes = await findFile(path, MAX_FILE_BYTES);
  if (bytes === undefined) return [];
  try {
    return file.parse(JSON.parse(bytes.toString('utf8'))).organisations;
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : 'it is not JSON';
    throw new CliError('BAD_CONFIGURATION', `${path} can't be understood: ${reason}. Mend it or remove it.`, {
      cause,
    });
  }
}
