import { type Account, type AccountMutation, changeAccount, listAccounts } from '@dockchains/client';
import type { Command } from 'commander';

import { type CommandContext, commandOf, groupOf, ORGANISATION_OPTION, type Register } from '../command.ts';
import { CliError } from '../errors.ts';
import { chooseGateway, openGateway } from '../gateway.ts';
import type { Io } from '../io.ts';
import { type Outcome, tableOf } from '../output.ts';
import { type PasswordOptions, readNewPassword } from '../passwords.ts';

type Options = { readonly registry?: string };
type AddOptions = Options & PasswordOptions & { readonly allow?: readonly string[] };
type Policy = { readonly pattern: string; readonly actions: readonly string[] };

const ACTIONS = ['pull', 'push', 'tag:create', 'tag:move', 'delete', 'admin'];

/** `dockchains account`: who may sign in, and what they may do. For operators. */
export const registerAccount: Register = (parent, context) => {
  const group = groupOf('account', 'who may sign in, and what they may do (for operators)');
  for (const add of [addList, addAdd, addPasswd, addSwitches, addAllow, addRevoke]) add(group, context);
  parent.addCommand(group);
};

function addList(group: Command, { io, print }: CommandContext): void {
  group.addCommand(
    commandOf('list', {
      summary: 'list the accounts',
      examples: 'dockchains account list --registry acme.example',
    })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async ({ registry }: Options): Promise<Outcome> => {
          const accounts = await listAccounts(await openOperator(io, registry));
          return { text: tableOf(HEAD, accounts.map(rowOf)), json: { accounts: accounts.map(toJson) } };
        }),
      ),
  );
}

function addAdd(group: Command, { io, print }: CommandContext): void {
  group.addCommand(
    withPasswordOptions(
      commandOf('add <username>', {
        summary: 'make an account',
        examples: `dockchains account add ci --generate --allow 'public/**=push,tag:create'
dockchains account add ada --password-stdin < secret`,
      }),
    )
      .option('--allow <glob=actions...>', `what it may do: ${ACTIONS.join(', ')}, separated by commas`)
      .action(
        print(async (username: string, options: AddOptions): Promise<Outcome> => {
          const policies = (options.allow ?? []).map(parsePolicy);
          const session = await openOperator(io, options.registry);
          const { password, isGenerated } = await readNewPassword(io, options);
          const account = await changeAccount(session, 'createAccount', { username, password, policies });
          const said = isGenerated ? `\nPassword: ${password}` : '';
          return {
            text: `Made the account ${username}.${said}`,
            json: { account: toJson(account), ...(isGenerated && { password }) },
          };
        }),
      ),
  );
}

function addPasswd(group: Command, { io, print }: CommandContext): void {
  group.addCommand(
    withPasswordOptions(
      commandOf('passwd <username>', {
        summary: 'set the password of an account',
        examples: 'dockchains account passwd ada --generate',
      }),
    ).action(
      print(async (username: string, options: Options & PasswordOptions): Promise<Outcome> => {
        const session = await openOperator(io, options.registry);
        const { password, isGenerated } = await readNewPassword(io, options);
        const account = await changeAccount(session, 'setPassword', { username, password });
        const said = isGenerated ? `\nPassword: ${password}` : '';
        return {
          text: `Changed the password of ${username}.${said}`,
          json: { account: toJson(account), ...(isGenerated && { password }) },
        };
      }),
    ),
  );
}

function addSwitches(group: Command, { io, print }: CommandContext): void {
  const switches: readonly (readonly [
    name: string,
    mutation: AccountMutation,
    summary: string,
    done: string,
  ])[] = [
    ['disable', 'disableAccount', 'stop an account; its tokens end at once', 'can no longer sign in'],
    ['enable', 'enableAccount', 'let a disabled account sign in again', 'can sign in again'],
  ];
  for (const [name, mutation, summary, done] of switches) {
    group.addCommand(
      commandOf(`${name} <username>`, { summary, examples: `dockchains account ${name} ada` })
        .option(...ORGANISATION_OPTION)
        .action(
          print(async (username: string, { registry }: Options): Promise<Outcome> => {
            const account = await changeAccount(await openOperator(io, registry), mutation, { username });
            return { text: `${username} ${done}.`, json: { account: toJson(account) } };
          }),
        ),
    );
  }
}

function addAllow(group: Command, { io, print }: CommandContext): void {
  group.addCommand(
    commandOf('allow <username> <glob> <actions>', {
      summary: 'set what an account may do under a pattern of repositories',
      examples: `dockchains account allow ada 'public/**' push,tag:create,tag:move
dockchains account allow ops '**' admin`,
    })
      .option(...ORGANISATION_OPTION)
      .action(
        print(
          async (
            username: string,
            glob: string,
            actions: string,
            { registry }: Options,
          ): Promise<Outcome> => {
            const policy = parsePolicy(`${glob}=${actions}`);
            const session = await openOperator(io, registry);
            const account = await changeAccount(session, 'setPolicy', { username, ...policy });
            return { text: tableOf(HEAD, [rowOf(account)]), json: { account: toJson(account) } };
          },
        ),
      ),
  );
}

function addRevoke(group: Command, { io, print }: CommandContext): void {
  group.addCommand(
    commandOf('revoke <username> <glob>', {
      summary: 'remove what an account may do under a pattern',
      examples: `dockchains account revoke ada 'public/**'`,
    })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async (username: string, pattern: string, { registry }: Options): Promise<Outcome> => {
          const session = await openOperator(io, registry);
          const account = await changeAccount(session, 'removePolicy', { username, pattern });
          return { text: tableOf(HEAD, [rowOf(account)]), json: { account: toJson(account) } };
        }),
      ),
  );
}

function withPasswordOptions(command: Command): Command {
  return command
    .option(...ORGANISATION_OPTION)
    .option('--generate', 'make the password up and print it')
    .option('--password-stdin', 'read the password from standard input');
}

async function openOperator(io: Io, registry: string | undefined) {
  return openGateway(io, await chooseGateway(io, registry), 'operator');
}

function parsePolicy(text: string): Policy {
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

const HEAD = ['USERNAME', 'PRINCIPAL', 'STATE', 'MAY'];

function rowOf({ username, principalId, disabled, policies }: Account): string[] {
  const may = policies.map(({ pattern, actions }) => `${pattern}=${actions.map(nameOf).join(',')}`).join(' ');
  return [username, principalId, disabled ? 'disabled' : 'active', may];
}

function toJson({ policies, ...account }: Account) {
  const lower = policies.map(({ pattern, actions }) => ({
    pattern,
    actions: actions.map(nameOf),
  }));
  return { ...account, policies: lower };
}

/** What the command line calls an action of the API: `tag:create` for TAG_CREATE. */
function nameOf(action: string): string {
  return action.toLowerCase().replace('_', ':');
}
