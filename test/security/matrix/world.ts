import { generateKeyPairSync } from 'node:crypto';
import { Agent } from 'node:http';
import { join } from 'node:path';

import { type Access, createAccess, type Policy } from '@dockchains/access';
import { type Database, openDatabase } from '@dockchains/database';
import { openKey } from '@dockchains/keys';
import {
  buildImage,
  type BuiltManifest,
  startGateway,
  type TestAccount,
  type TestGateway,
} from '@dockchains/testing';

import { sendRaw } from '../../raw-http.ts';

/** Who asks: by what they may do, and by what their token is worth. */
export const PRINCIPALS = [
  'anonymous',
  'stranger',
  'reader',
  'publisher',
  'robot',
  'operator',
  'expired',
  'revoked',
  'forged: no algorithm',
  'forged: another key',
  'forged: another audience',
  'forged: a changed payload',
] as const;

/** One of {@link PRINCIPALS}. */
export type PrincipalName = (typeof PRINCIPALS)[number];

/** Those that have no right in the hidden repository, whether they are who they say or not. */
export const OUTSIDERS: readonly PrincipalName[] = PRINCIPALS.filter(
  (name) => !['reader', 'publisher', 'robot', 'operator'].includes(name),
);

/** One image in a public repository and in a hidden one, and a name of the same length that is not there. */
export const REPOSITORIES = { public: 'public/app', hidden: 'hidden/app', absent: 'absent/app' } as const;

/** How open a repository is. */
export type Visibility = keyof typeof REPOSITORIES;

/** What was answered, to the byte; `head` has the header lines but `Date`. */
export interface Answer {
  readonly status: number;
  readonly head: readonly string[];
  readonly body: string;
}

/** A gateway with public and hidden repositories, and somebody of each kind. */
export interface World {
  readonly gateway: TestGateway;
  readonly database: Database;
  readonly access: Access;
  /** In both repositories under the tag `1.0`; the hidden one has a referrer of it as well. */
  readonly image: BuiltManifest;
  /** In the hidden repository alone. */
  readonly secret: BuiltManifest;
  readonly robot: TestAccount;
  /** Gives the principal's bearer token for a repository; undefined for nobody's. */
  readonly tokenOf: (principal: PrincipalName, repository: string) => Promise<string | undefined>;
  readonly ask: (method: string, path: string, sent?: Sent) => Promise<Answer>;
  readonly close: () => Promise<void>;
}

/** What goes with a request. */
export interface Sent {
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

/** Somebody with no rights at all. */
export const STRANGER: TestAccount = { username: 'stranger', password: 'stranger-password-1' };
/** May pull from all three repositories, were they there. */
export const READER: TestAccount = { username: 'insider', password: 'insider-password-1' };
/** May pull from, push to and delete from all three. */
export const PUBLISHER: TestAccount = { username: 'maker', password: 'maker-password-1' };
/** As the publisher, and disabled. */
export const REVOKED: TestAccount = { username: 'leaver', password: 'leaver-password-1' };

const HOUR_MS = 3_600_000;
const PATTERNS = ['public/**', 'hidden/**', 'absent/**'];
const ALL: Policy['actions'] = ['pull', 'push', 'tag:create', 'tag:move', 'delete'];
const policiesOf = (...actions: Policy['actions']): Policy[] =>
  PATTERNS.map((pattern) => ({ pattern, actions }));

/** Starts the gateway and fills it. */
export async function openWorld(options: Parameters<typeof startGateway>[0] = {}): Promise<World> {
  const gateway = await startGateway(options);
  const database = openDatabase(gateway.databaseUrl);
  const { organisation, url: publicUrl } = gateway;
  const deps = { database, organisation, publicUrl, clock: () => new Date() };
  const tokenKey = await openKey(join(gateway.dataDir, 'keys'), 'token');
  const access = createAccess({ ...deps, tokenKey });
  const hourAgo = (): Date => new Date(Date.now() - HOUR_MS);
  const hourOld = createAccess({ ...deps, tokenKey, clock: hourAgo });
  const forger = createAccess({ ...deps, tokenKey: generateKeyPairSync('ed25519').privateKey });
  const foreigner = createAccess({ ...deps, tokenKey, organisation: 'globex.example' });

  await access.createAccount({ ...STRANGER, policies: [] });
  await access.createAccount({ ...READER, policies: policiesOf('pull') });
  await access.createAccount({ ...PUBLISHER, policies: policiesOf(...ALL) });
  await access.createAccount({ ...REVOKED, policies: policiesOf(...ALL) });
  const made = await access.createRobot({ name: 'builder', policies: policiesOf(...ALL), validHours: 1 });
  const robot = { username: made.account.username, password: made.secret };
  for (const pattern of ['hidden/**', 'absent/**']) await access.setNamespaceRule(pattern, 'private');
  const revokedTokens = new Map<string, string>();
  for (const repository of Object.values(REPOSITORIES)) {
    revokedTokens.set(repository, await gateway.token(REVOKED, scopeOf(repository), 'registry:catalog:*'));
  }
  await access.disableAccount(REVOKED.username);

  const agent = new Agent({ keepAlive: true });
  const ask: World['ask'] = (method, path, sent = {}) =>
    send({ agent, host: gateway.host }, method, path, sent);
  const image = buildImage();
  const secret = buildImage({ artifactType: 'application/vnd.example.secret', subject: image.descriptor });
  for (const repository of [REPOSITORIES.public, REPOSITORIES.hidden]) {
    const token = await gateway.token(PUBLISHER, scopeOf(repository));
    await push({ ask, token }, repository, image, '1.0');
    if (repository === REPOSITORIES.hidden) await push({ ask, token }, repository, secret, '2.0');
  }

  const signIn: World['tokenOf'] = async (principal, repository) => {
    const scopes = [{ type: 'repository', name: repository, actions: ['pull', 'push', 'delete'] }];
    const issue = async (by: Access): Promise<string> => (await by.issueToken(PUBLISHER, scopes)).token;
    switch (principal) {
      case 'anonymous':
        return undefined;
      case 'stranger':
        return gateway.token(STRANGER, scopeOf(repository), 'registry:catalog:*');
      case 'reader':
        return gateway.token(READER, scopeOf(repository), 'registry:catalog:*');
      case 'publisher':
        return gateway.token(PUBLISHER, scopeOf(repository), 'registry:catalog:*');
      case 'robot':
        return gateway.token(robot, scopeOf(repository), 'registry:catalog:*');
      case 'operator':
        return gateway.token(
          gateway.operator,
          scopeOf(repository),
          'registry:catalog:*',
          'repository:**:admin',
        );
      case 'expired':
        return issue(hourOld);
      case 'revoked':
        return revokedTokens.get(repository);
      case 'forged: another key':
        return issue(forger);
      case 'forged: another audience':
        return issue(foreigner);
      case 'forged: no algorithm':
        return withoutAlgorithm(await issue(access));
      case 'forged: a changed payload':
        return withOtherName(await issue(access), repository);
    }
  };
  // A password's check takes a tenth of a second, and a token is good for five minutes.
  const known = new Map<string, Promise<string | undefined>>();
  const tokenOf: World['tokenOf'] = (principal, repository) => {
    const key = `${principal} ${repository}`;
    const token = known.get(key) ?? signIn(principal, repository);
    known.set(key, token);
    return token;
  };
  return {
    ...{ gateway, database, access, image, secret, robot, tokenOf, ask },
    async close() {
      agent.destroy();
      await database.close();
      await gateway.close();
    },
  };
}

/** Pushes an image with its blobs. */
export async function push(
  { ask, token }: { ask: World['ask']; token: string },
  repository: string,
  image: BuiltManifest,
  tag: string,
): Promise<void> {
  const requests: readonly (readonly [method: string, path: string, body: Buffer, type: string])[] = [
    ...image.blobs.map(
      ({ bytes, descriptor }) =>
        ['POST', `blobs/uploads/?digest=${descriptor.digest}`, bytes, 'application/octet-stream'] as const,
    ),
    ['PUT', `manifests/${tag}`, image.bytes, image.descriptor.mediaType],
  ];
  for (const [method, path, body, type] of requests) {
    const sent = { token, body, headers: { 'content-type': type } };
    const { status, body: text } = await ask(method, `/v2/${repository}/${path}`, sent);
    if (status !== 201) throw new Error(`${method} ${path} was answered ${status}: ${text}`);
  }
}

async function send(
  { agent, host }: { agent: Agent; host: string },
  method: string,
  path: string,
  sent: Sent,
): Promise<Answer> {
  const { response, status, body } = await sendRaw(host, { ...sent, method, path, agent });
  const { rawHeaders } = response;
  const head = rawHeaders.flatMap((name, at) =>
    at % 2 === 1 || name.toLowerCase() === 'date' ? [] : [`${name}: ${rawHeaders[at + 1] ?? ''}`],
  );
  return { status, head, body: body.toString('latin1') };
}

function scopeOf(repository: string): string {
  return `repository:${repository}:pull,push,delete`;
}

function withoutAlgorithm(token: string): string {
  const [, payload = ''] = token.split('.');
  return `${Buffer.from('{"alg":"none","typ":"dockchains-access+jwt"}').toString('base64url')}.${payload}.`;
}

function withOtherName(token: string, repository: string): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const text = Buffer.from(payload, 'base64url').toString().replace(repository, repository.toUpperCase());
  return [header, Buffer.from(text).toString('base64url'), signature].join('.');
}
