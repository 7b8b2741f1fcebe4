import {
  ClientError,
  followOrganisation,
  getOrganisation,
  openSession,
  type Organisation,
  verifyCredentials,
} from '@dockchains/client';

import { commandOf, type Register } from '../command.ts';
import { storeDockerCredentials } from '../docker-credentials.ts';
import { CliError } from '../errors.ts';
import { chooseGateway, type Gateway } from '../gateway.ts';
import type { Io } from '../io.ts';
import { isLoopback, readOrganisations, rememberOrganisation } from '../organisations.ts';
import type { Outcome } from '../output.ts';
import { type PasswordOptions, readPassword } from '../passwords.ts';
import { pinLogs } from '../trust.ts';

type LoginOptions = PasswordOptions & { readonly username?: string; readonly plainHttp?: boolean };

/** `dockchains login`: pins the organisation's ledger keys, then stores credentials where Docker looks for them. */
export const registerLogin: Register = (parent, { io, print }) => {
  parent.addCommand(
    commandOf('login [registry]', {
      summary: 'sign in to a gateway, and remember the keys of its ledgers',
      examples: `dockchains login 127.0.0.1:5000 --username publisher
dockchains login registry.acme.example -u robot --password-stdin < secret`,
    })
      .option('-u, --username <name>', 'user name (asked for if not given)')
      .option('--password-stdin', 'read the password from standard input')
      .option('--plain-http', 'send the password without TLS to a gateway that is not on this machine')
      .action(print((registry: string | undefined, options: LoginOptions) => login(io, registry, options))),
  );
};

async function login(io: Io, registry: string | undefined, options: LoginOptions): Promise<Outcome> {
  const gateway = plainIfAsked(await chooseGateway(io, registry), options);
  const shown = await getOrganisation(io.fetch, gateway.url);
  // Before the password: a gateway whose ledger key changed is perhaps not the one that it was.
  const known = (await readOrganisations(io)).find((one) => one.name === shown.name);
  const { described, pinnedFingerprint } = await follow(io, gateway, { shown, known: known?.fingerprint });
  const pinned = await pinLogs(io, described, pinnedFingerprint);

  const username = options.username ?? (await io.ask('User name: ', { secret: false }));
  if (username === undefined || username === '')
    throw new CliError('USAGE', 'Give a user name with --username.');
  const credentials = { username, password: await readPassword(io, options) };
  await verifyCredentials(openSession({ url: gateway.url, credentials, fetch: io.fetch }));
  const storedIn = await storeDockerCredentials(io, gateway.registry, credentials);
  const { name, fingerprint } = described;
  await rememberOrganisation(io, { name, fingerprint, registry: gateway.registry, url: gateway.url });

  const lines = [
    `Signed in to ${described.name} (${gateway.registry}) as ${username}; stored in ${storedIn}, where docker finds it too.`,
    ...pinned.added.map(
      (key) =>
        `Pinned ${known?.fingerprint === undefined ? 'on first contact' : 'as its certificate says'}, in ${pinned.path}:\n  ${key}`,
    ),
    ...pinned.removed.map((key) => `Revoked by the organisation, and removed from ${pinned.path}:\n  ${key}`),
    ...(known?.fingerprint === undefined || known.fingerprint === fingerprint
      ? []
      : [`Its certificate was replaced, which the one that was pinned has signed:\n  ${known.fingerprint}`]),
    `They are certified by the OpenPGP certificate\n  ${fingerprint}`,
    ...(known?.fingerprint === undefined
      ? [`Compare its fingerprint with the one that ${name} publishes elsewhere before you rely on it.`]
      : [`The keys of its ledgers are those that ${pinned.path} pins.`]),
  ];
  return {
    text: lines.join('\n'),
    json: {
      organisation: described.name,
      registry: gateway.registry,
      username,
      credentials: storedIn,
      fingerprint,
      policy: pinned.path,
      pinned: pinned.added,
      removed: pinned.removed,
    },
  };
}

type Seen = { readonly shown: Organisation; readonly known: string | undefined };
type Followed = { readonly described: Organisation; readonly pinnedFingerprint: string | undefined };

/** Another certificate than the pinned one is followed where that one has signed its replacement; if not, `pinLogs` refuses it. */
async function follow(io: Io, { url }: Gateway, { shown, known }: Seen): Promise<Followed> {
  if (known === undefined || known === shown.fingerprint)
    return { described: shown, pinnedFingerprint: known };
  try {
    const described = await followOrganisation(io.fetch, { url, fingerprint: known });
    return { described, pinnedFingerprint: described.fingerprint };
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return { described: shown, pinnedFingerprint: known };
  }
}

function plainIfAsked(gateway: Gateway, { plainHttp }: LoginOptions): Gateway {
  if (plainHttp === true) return { ...gateway, url: gateway.url.replace(/^https:/, 'http:') };
  if (gateway.url.startsWith('https:') || isLoopback(gateway.registry)) return gateway;
  throw new CliError(
    'USAGE',
    `${gateway.url} is not on this machine and has no TLS: the password could be read on its way. Use https, or --plain-http on a network of your own.`,
  );
}
