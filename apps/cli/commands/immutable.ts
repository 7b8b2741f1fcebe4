import { changeImmutableTagRule, listImmutableTagRules } from '@dockchains/client';
import type { Command } from 'commander';

import { openOperator } from '../accounts.ts';
import { type CommandContext, commandOf, groupOf, ORGANISATION_OPTION } from '../command.ts';
import { type Outcome, tableOf } from '../output.ts';

type Options = { readonly registry?: string };

/** Adds `repo immutable`: which tags nobody moves or deletes. */
export function addImmutable(parent: Command, { io, print }: CommandContext): void {
  const group = groupOf('immutable', 'which tags nobody moves or deletes, once they are set (for operators)');
  group.addCommand(
    commandOf('list', { summary: 'list the rules', examples: 'dockchains repo immutable list' })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async ({ registry }: Options): Promise<Outcome> => {
          const rules = await listImmutableTagRules(await openOperator(io, registry));
          const rows = rules.map(({ pattern, tags }) => [pattern, tags]);
          return { text: tableOf(['PATTERN', 'TAGS'], rows), json: { rules } };
        }),
      ),
  );
  for (const { name, mutation, summary, done } of CHANGES) {
    group.addCommand(
      commandOf(`${name} <glob> <tags>`, {
        summary,
        examples: `dockchains repo immutable ${name} 'public/**' 'v*'`,
      })
        .option(...ORGANISATION_OPTION)
        .action(
          print(async (pattern: string, tags: string, { registry }: Options): Promise<Outcome> => {
            const session = await openOperator(io, registry);
            const rule = await changeImmutableTagRule(session, mutation, { pattern, tags });
            return { text: `Tags ${rule.tags} under ${rule.pattern} ${done}.`, json: rule };
          }),
        ),
    );
  }
  parent.addCommand(group);
}

const CHANGES = [
  {
    name: 'add',
    mutation: 'addImmutableTagRule',
    summary: 'let nobody move or delete tags like this, with up to two * in them, under a pattern',
    done: 'stay as they are first set',
  },
  {
    name: 'remove',
    mutation: 'removeImmutableTagRule',
    summary: 'remove a rule',
    done: 'are no longer held by this rule',
  },
] as const;
