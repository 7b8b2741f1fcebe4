import { createRobot, listRobots, revokeRobot, type RobotSecret, rotateRobot } from '@dockchains/client';
import type { Command } from 'commander';

import { accountJson, accountTable, ACTIONS, openOperator, parsePolicy } from '../accounts.ts';
import { type CommandContext, commandOf, groupOf, ORGANISATION_OPTION } from '../command.ts';
import { CliError } from '../errors.ts';
import type { Outcome } from '../output.ts';

type Options = { readonly registry?: string };
type ValidOptions = Options & { readonly valid: string };

const PREFIX = 'robot+';
const VALID_OPTION = [
  '--valid <time>',
  'how long the secret is good: hours or days, at most 365d',
  '90d',
] as const;
const HOURS: Readonly<Record<string, number>> = { h: 1, d: 24 };
const MAX_HOURS = 8_760;

/** Adds `account robot`: accounts for programs, whose secrets end. */
export function addRobots(parent: Command, context: CommandContext): void {
  const group = groupOf('robot', 'accounts for programs, whose secrets end');
  for (const add of [addList, addAdd, addRotate, addRevoke]) add(group, context);
  parent.addCommand(group);
}

function addList(group: Command, { io, print }: CommandContext): void {
  group.addCommand(
    commandOf('list', { summary: 'list the robots', examples: 'dockchains account robot list' })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async ({ registry }: Options): Promise<Outcome> => {
          const robots = await listRobots(await openOperator(io, registry));
          return { text: accountTable(robots), json: { robots: robots.map(accountJson) } };
        }),
      ),
  );
}

function addAdd(group: Command, { io, print }: CommandContext): void {
  group.addCommand(
    commandOf('add <name>', {
      summary: 'make the robot robot+<name>, and print its secret, which is never shown again',
      examples: `dockchains account robot add ci --allow 'public/**=push,tag:create'
dockchains account robot add nightly --valid 12h --allow '**=pull' --json`,
    })
      .option(...ORGANISATION_OPTION)
      .option(...VALID_OPTION)
      .option('--allow <glob=actions...>', `what it may do: ${ACTIONS.join(', ')}, separated by commas`)
      .action(
        print(
          async (
            name: string,
            { allow = [], valid, registry }: ValidOptions & { readonly allow?: readonly string[] },
          ): Promise<Outcome> => {
            const robot = {
              ...{ name: nameOf(name), validHours: parseHours(valid) },
              policies: allow.map(parsePolicy),
            };
            return outcomeOf('Made', await createRobot(await openOperator(io, registry), robot));
          },
        ),
      ),
  );
}

function addRotate(group: Command, { io, print }: CommandContext): void {
  group.addCommand(
    commandOf('rotate <name>', {
      summary: 'give a robot a new secret, and print it; the old one ends at once',
      examples: 'dockchains account robot rotate ci --valid 30d',
    })
      .option(...ORGANISATION_OPTION)
      .option(...VALID_OPTION)
      .action(
        print(async (name: string, { valid, registry }: ValidOptions): Promise<Outcome> => {
          const robot = { name: nameOf(name), validHours: parseHours(valid) };
          return outcomeOf('Rotated', await rotateRobot(await openOperator(io, registry), robot));
        }),
      ),
  );
}

function addRevoke(group: Command, { io, print }: CommandContext): void {
  group.addCommand(
    commandOf('revoke <name>', {
      summary: 'end the secret of a robot for ever, and its tokens at once',
      examples: 'dockchains account robot revoke ci',
    })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async (name: string, { registry }: Options): Promise<Outcome> => {
          const account = await revokeRobot(await openOperator(io, registry), nameOf(name));
          return {
            text: `${account.username} can no longer sign in.`,
            json: { account: accountJson(account) },
          };
        }),
      ),
  );
}

function outcomeOf(done: string, { account, secret }: RobotSecret): Outcome {
  return {
    text: `${done} ${account.username}, good until ${account.expiresAt ?? 'it is disabled'}.\nSecret: ${secret}`,
    json: { account: accountJson(account), secret },
  };
}

/** Takes the name with its prefix as well, as lists show it. */
function nameOf(name: string): string {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;
}

function parseHours(text: string): number {
  const [, digits = '', unit = ''] = /^([1-9][0-9]{0,4})([hd])$/.exec(text) ?? [];
  const hours = Number(digits) * (HOURS[unit] ?? 0);
  if (hours >= 1 && hours <= MAX_HOURS) return hours;
  throw new CliError('USAGE', 'The time must be hours or days, such as 12h or 90d, and at most 365d.');
}
