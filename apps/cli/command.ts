import { Command } from 'commander';

import type { Io } from './io.ts';
import type { Outcome } from './output.ts';

/** Adds a command's words, options and action to the program, or to a command above it. */
export type Register = (parent: Command, context: CommandContext) => void;

/** What commands are given by the program. */
export type CommandContext = {
  readonly io: Io;
  /** Makes an action print its outcome. */
  readonly print: <Parameters extends readonly unknown[]>(
    action: (...parameters: Parameters) => Promise<Outcome>,
  ) => (...parameters: Parameters) => Promise<void>;
};

/** Makes a command with `--json`, and examples under its help. */
export function commandOf(
  usage: string,
  { summary, examples }: { summary: string; examples: string },
): Command {
  const [name, ...parameters] = usage.split(' ');
  const command = new Command(name);
  for (const parameter of parameters) command.argument(parameter);
  return command
    .description(summary)
    .option('--json', 'print one JSON object instead of text')
    .addHelpText('after', `\nExamples:\n${examples.replaceAll(/^/gm, '  ')}`);
}

/** Makes a command that only holds others. */
export function groupOf(name: string, summary: string): Command {
  return new Command(name).description(summary);
}

/** The option by which commands without an image reference choose their organisation. */
export const ORGANISATION_OPTION = [
  '-r, --registry <name>',
  'organisation or host:port (default: the one that is known)',
] as const;
