import type { Database, Statement } from '@dockchains/database';
import { encodeScope, type Scope } from '@dockchains/oci';

import { AccessError } from './errors.ts';
import { isPattern, matchesPattern } from './glob.ts';
import { isUsername, MAX_PASSWORD, ROBOT_PREFIX } from './input.ts';
import type { Passwords } from './passwords.ts';
import { type Action, ANONYMOUS, includesAction, type Principal } from './principal.ts';
import { type RateLimiter, tooMany } from './rate-limiter.ts';
import { matchesSecret } from './robot-secret.ts';
import type { SignInLimits } from './sign-in-limits.ts';
import { TOKEN_SECONDS, type Tokens, UPLOAD_GRACE_SECONDS } from './tokens.ts';

/** A user name and its password, as sent. */
export type Credentials = { readonly username: string; readonly password: string };

/** A token as `/token` gives it. */
export type IssuedToken = {
  readonly token: string;
  readonly expiresInSeconds: number;
  readonly issuedAt: Date;
  /** What was asked for and is allowed now. */
  readonly granted: readonly Scope[];
};

/** Why a challenge is made although a token came with the request (RFC 6750 §3.1). */
export type ChallengeError = 'invalid_token' | 'insufficient_scope';

/** Finds out who asks. */
export interface Authentication {
  /**
   * Reads an `Authorization` header; none is anonymous.
   * @throws AccessError INVALID_TOKEN, TOO_MANY if the account asks too often
   */
  authenticate(authorization: string | undefined): Promise<Principal>;
  /**
   * As {@link authenticate}, but takes a token that ended less than 24 hours ago from the principal whose upload it is; only
   * of such a token it is asked whose that is.
   * @throws AccessError INVALID_TOKEN
   */
  authenticateForUpload(
    authorization: string | undefined,
    findUploadOwner: () => Promise<string | undefined>,
  ): Promise<Principal>;
  /**
   * Gives a token for what is allowed of the scopes; without credentials an anonymous one. Failures are counted by user name
   * and by the address, as limits count it, that the credentials came from.
   * @throws AccessError BAD_CREDENTIALS, TOO_MANY, INVALID_INPUT
   */
  issueToken(
    credentials: Credentials | undefined,
    scopes: readonly Scope[],
    address?: string,
  ): Promise<IssuedToken>;
  /** Gives the `WWW-Authenticate` header of a 401 (Docker token authentication, RFC 6750 §3). */
  challenge(scopes?: readonly Scope[], error?: ChallengeError): string;
}

type AuthenticationDeps = {
  readonly database: Database;
  readonly passwords: Passwords;
  readonly tokens: Tokens;
  readonly clock: () => Date;
  readonly organisation: string;
  readonly publicUrl: string;
  readonly accountLimit: RateLimiter;
  readonly signInLimits: SignInLimits;
};

type PolicyRow = { readonly pattern: string; readonly actions: readonly string[] };

const BEARER = /^bearer +([A-Za-z0-9._-]+) *$/i;
// Docker's scopes know no rights to tags: `push` covers them, and the policies tell them apart.
const OF_SCOPES: readonly Action[] = ['pull', 'push', 'delete', 'admin'];
// What Docker's clients mean by `*`.
const ALL: readonly Action[] = ['pull', 'push', 'delete'];

const READ_ACCOUNT: Statement = {
  name: 'access_read_account',
  text: `SELECT id, kind, password_hash AS "passwordHash", secret_hash AS "secretHash", generation,
           disabled_at IS NULL AND (expires_at IS NULL OR expires_at > $2) AS active
         FROM account WHERE username = $1`,
};
const READ_POLICIES: Statement = {
  name: 'access_read_policies',
  text: 'SELECT pattern, actions FROM policy WHERE principal_id = $1',
};
const READ_PUBLIC: Statement = {
  name: 'access_read_public',
  text: `SELECT name FROM repository WHERE name = ANY($1) AND visibility = 'public'`,
};

/** Makes the {@link Authentication} of an organisation. */
export function createAuthentication(deps: AuthenticationDeps): Authentication {
  const { database, tokens, clock, organisation, publicUrl, accountLimit } = deps;
  const realm = `${publicUrl.replace(/\/+$/, '')}/token`;

  const read = async (authorization: string | undefined, graceSeconds: number): Promise<Principal> => {
    if (authorization === undefined) return ANONYMOUS;
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) {
      throw new AccessError('INVALID_TOKEN', 'Only bearer tokens are taken here: get one from /token.');
    }
    const principal = await tokens.verify(token, clock(), graceSeconds);
    const waitMs = principal.id === undefined ? 0 : accountLimit.take(principal.id);
    if (waitMs > 0) throw tooMany('This account', waitMs);
    return principal;
  };

  return {
    authenticate: (authorization) => read(authorization, 0),

    async authenticateForUpload(authorization, findUploadOwner) {
      const principal = await read(authorization, UPLOAD_GRACE_SECONDS);
      if (principal.expired !== true) return principal;
      if (principal.id !== undefined && principal.id === (await findUploadOwner())) return principal;
      throw new AccessError('INVALID_TOKEN', 'The token has ended: sign in again.');
    },

    async issueToken(credentials, scopes, address = '') {
      const principal =
        credentials === undefined ? { id: undefined } : await signIn(deps, credentials, address);
      const granted = await grant(database, principal.id, scopes);
      const issuedAt = clock();
      const token = await tokens.sign({ ...principal, scopes: granted }, issuedAt);
      return { token, expiresInSeconds: TOKEN_SECONDS, issuedAt, granted };
    },

    challenge(scopes = [], error) {
      const scope = scopes.map(encodeScope).join(' ');
      const parameters = {
        realm,
        service: organisation,
        ...(scope !== '' && { scope }),
        ...(error && { error }),
      };
      return `Bearer ${Object.entries(parameters)
        .map(([name, value]) => `${name}="${value}"`)
        .join(',')}`;
    },
  };
}

type SignInRow = {
  readonly id: string;
  readonly kind: string;
  readonly passwordHash: string | null;
  readonly secretHash: Uint8Array | null;
  readonly generation: number;
  readonly active: boolean;
};

const signIn = async (
  { database, passwords, clock, signInLimits }: AuthenticationDeps,
  { username, password }: Credentials,
  address: string,
): Promise<{ id: string; generation: number }> => {
  const refused = new AccessError('BAD_CREDENTIALS', 'The user name or the password is wrong.');
  if (!isUsername(username) || password.length > MAX_PASSWORD) throw refused;
  signInLimits.requireRoom({ username, address });
  const [account] = await database.query<SignInRow>(READ_ACCOUNT, [username, clock()]);
  const isRobot = account === undefined ? username.startsWith(ROBOT_PREFIX) : account.kind === 'robot';
  // The password is checked first: a disabled account takes as long as any other, and so does one that is not there.
  const matches = isRobot
    ? matchesSecret(password, account?.secretHash ?? undefined)
    : await passwords.matches(password, account?.passwordHash ?? undefined);
  if (account === undefined || !matches || !account.active) {
    signInLimits.failed({ username, address });
    throw refused;
  }
  signInLimits.succeeded({ username, address });
  return { id: account.id, generation: account.generation };
};

const grant = async (
  database: Database,
  principalId: string | undefined,
  wanted: readonly Scope[],
): Promise<Scope[]> => {
  const names = wanted.filter(isRepositoryScope).map(({ name }) => name);
  const [policies, open] = await Promise.all([
    principalId === undefined ? [] : database.query<PolicyRow>(READ_POLICIES, [principalId]),
    names.length === 0 ? [] : database.query<{ name: string }>(READ_PUBLIC, [names]),
  ]);
  const isOpen = new Set(open.map(({ name }) => name));
  return wanted.flatMap((scope): Scope[] => {
    if (scope.type === 'registry' && scope.name === 'catalog') return [scope];
    if (!isRepositoryScope(scope)) return [];
    const actions = expand(scope.actions).filter(
      (action) =>
        (action === 'pull' && isOpen.has(scope.name)) ||
        policies.some((policy) => grants(policy, action, scope.name)),
    );
    return actions.length === 0 ? [] : [{ ...scope, actions }];
  });
};

const isRepositoryScope = ({ type, name }: Scope): boolean => type === 'repository' && isPattern(name);

// The scope of a pattern says only what a token is not good for; each decision asks the policies about the name itself.
const grants = ({ pattern, actions }: PolicyRow, action: Action, name: string): boolean =>
  includesAction(actions, action) && (name.includes('*') || matchesPattern(pattern, name));

const expand = (actions: readonly string[]): Action[] => [
  ...new Set(actions.flatMap((text) => (text === '*' ? ALL : OF_SCOPES.filter((action) => action === text)))),
];
