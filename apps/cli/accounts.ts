import type { Account, Session } from '@dockchains/client';

import { CliError } from './errors.ts';
import { chooseGateway, openGateway } from './gateway.ts';
import type { Io } from './io.ts';
import { tableOf } from './output.ts';

/** The actions of policies, as the command line writes them. */
export const ACTIONS: readonly string[] = ['pull', 'push', 'tag:create', 'tag:move', 'delete', 'admin'];

const HEAD = ['USERNAME', 'PRINCIPAL', 'STATE', 'MAY'];

/** Opens the gateway of an organisation as an operator. @throws CliError, ClientError */
export async function openOperator(io: Io, registry: string | undefined): Promise<Session> {
  return openGateway(io, await chooseGateway(io, registry), 'operator');
}

/** Reads a policy, `<glob>=<actions>`, in the API's words. @throws CliError USAGE */
export function parsePolicy(text: string): Account['policies'][number] {
  const equals = text.lastIndexOf('=');
  const pattern = text.slice(0, Math.max(equals, 0));
  const actions = text.slice(equals + 1).split(',');
  if (pattern !== '' && actions.every((action) => ACTIONS.includes(action))) {
    return { pattern, actions: actions.map((action) => action.toUpperCase().replace(':', '_')) };
  }
  throw new CliError(
    'USAGE',
    `"${text.slice(0, 300)}" must be a pattern of repositories and actions of ${ACTIONS.join(', ')}, like 'public/**=push,tag:create'.`,
  );
}

/** Lays accounts out for people. */
export function accountTable(accounts: readonly Account[]): string {
  return tableOf(HEAD, accounts.map(rowOf));
}

/** Gives an account for programs. */
export function accountJson({ policies, ...account }: Account) {
  const lower = policies.map(({ pattern, actions }) => ({ pattern, actions: actions.map(nameOf) }));
  return { ...account, policies: lower };
}

function rowOf({ username, principalId, disabled, expiresAt, policies }: Account): string[] {
  const may = policies.map(({ pattern, actions }) => `${pattern}=${actions.map(nameOf).join(',')}`).join(' ');
  const active = expiresAt === null ? 'active' : `until ${expiresAt}`;
  return [username, principalId, disabled ? 'disabled' : active, may];
}

/** What the command line calls an action of the API: `tag:create` for TAG_CREATE. */
function nameOf(action: string): string {
  return action.toLowerCase().replace('_', ':');
}
