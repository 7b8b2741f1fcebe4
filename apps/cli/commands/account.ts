import { type AccountMutation, changeAccount, listAccounts } from '@dockchains/client';
import type { Command } from 'commander';

import { accountJson, accountTable, ACTIONS, openOperator, parsePolicy } from '../accounts.ts';
import { type CommandContext, commandOf, groupOf, ORGANISATION_OPTION, type Register } from '../command.ts';
import type { Outcome } from '../output.ts';
import { type PasswordOptions, readNewPassword } from '../passwords.ts';
import { addRobots } from './robot.ts';

type Options = { readonly registry?: string };
type AddOptions = Options & PasswordOptions & { readonly allow?: readonly string[] };

/** `dockchains account`: who may sign in, and what they may do. For operators. */
export const registerAccount: Register = (parent, context) => {
  const group = groupOf('account', 'who may sign in, and what they may do (for operators)');
  for (const add of [addList, addAdd, addPasswd, addSwitches, addAllow, addRevoke, addRobots])
    add(group, context);
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
          return { text: accountTable(accounts), json: { accounts: accounts.map(accountJson) } };
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
            json: { account: accountJson(account), ...(isGenerated && { password }) },
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
          json: { account: accountJson(account), ...(isGenerated && { password }) },
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
            return { text: `${username} ${done}.`, json: { account: accountJson(account) } };
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
            return { text: accountTable([account]), json: { account: accountJson(account) } };
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
          return { text: accountTable([account]), json: { account: accountJson(account) } };
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
