import {
  changeDeadLetter,
  ClientError,
  type ClientErrorCode,
  type DeadLetter,
  type DeadLetterMutation,
  listDeadLetters,
} from '@dockchains/client';

import { openOperator } from '../accounts.ts';
import { type CommandContext, commandOf, groupOf, ORGANISATION_OPTION, type Register } from '../command.ts';
import { CliError } from '../errors.ts';
import { factsOf, type Outcome, tableOf } from '../output.ts';

type Options = { readonly registry?: string };
const REFUSALS: readonly ClientErrorCode[] = ['REJECTED', 'NOT_FOUND'];

type ChangeOptions = Options & { readonly all?: boolean };

/** `dockchains messages`: what peers sent over NATS and could not be taken in. */
export const registerMessages: Register = (parent, context) => {
  const { io, print } = context;
  const group = groupOf('messages', 'messages of peers that a gateway gave up on (for operators)');
  group.addCommand(
    commandOf('list', { summary: 'list them, oldest first', examples: 'dockchains messages list' })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async ({ registry }: Options): Promise<Outcome> => {
          const messages = await listDeadLetters(await openOperator(io, registry));
          const rows = messages.map(({ id, organisation, buriedAt, reason }) => [
            ...[id, organisation, buriedAt, reason],
          ]);
          const text = rows.length === 0 ? 'None.' : tableOf(['ID', 'OF', 'GIVEN UP ON', 'BECAUSE'], rows);
          return { text, json: { messages } };
        }),
      ),
  );
  group.addCommand(
    commandOf('show <id>', { summary: 'show one', examples: 'dockchains messages show 7' })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async (id: string, { registry }: Options): Promise<Outcome> => {
          const messages = await listDeadLetters(await openOperator(io, registry));
          const message = messages.find((one) => one.id === id);
          if (message !== undefined) return { text: describe(message), json: message };
          throw new CliError('USAGE', `There is no message ${id}; "dockchains messages list" names them.`);
        }),
      ),
  );
  group.addCommand(
    changing(context, 'replayDeadLetter', {
      ...{ name: 'replay', done: 'was taken in' },
      summary: 'take messages in as if they had just come, such as once a full disk has room',
    }),
  );
  group.addCommand(
    changing(context, 'dropDeadLetter', { name: 'drop', done: 'is forgotten', summary: 'forget messages' }),
  );
  parent.addCommand(group);
};

function changing(
  { io, print }: CommandContext,
  mutation: DeadLetterMutation,
  { name, done, summary }: { readonly name: string; readonly done: string; readonly summary: string },
) {
  return commandOf(`${name} [ids...]`, {
    summary,
    examples: `dockchains messages ${name} 7 8\ndockchains messages ${name} --all`,
  })
    .option('--all', 'all that there are')
    .option(...ORGANISATION_OPTION)
    .action(
      print(async (named: readonly string[], { registry, all = false }: ChangeOptions): Promise<Outcome> => {
        if (all === named.length > 0) throw new CliError('USAGE', 'Name messages by their ids, or --all.');
        const session = await openOperator(io, registry);
        const ids = all ? (await listDeadLetters(session)).map(({ id }) => id) : named;
        const [messages, refused]: [DeadLetter[], { id: string; message: string }[]] = [[], []];
        for (const id of ids) {
          try {
            messages.push(await changeDeadLetter(session, mutation, id));
          } catch (error) {
            // One that is still not to be believed holds up none of the others.
            if (!(error instanceof ClientError && REFUSALS.includes(error.code))) throw error;
            refused.push({ id, message: error.message });
          }
        }
        const lines = [
          ...messages.map(({ id, organisation }) => `Message ${id} of ${organisation} ${done}.`),
          ...refused.map(({ message }) => message),
        ];
        return {
          ...{ text: lines.join('\n') || 'None.', json: { messages, refused } },
          ...(refused.length > 0 && { exitCode: 1 as const }),
        };
      }),
    );
}

function describe({ id, organisation, subject, reason, buriedAt, bytes, beginning }: DeadLetter): string {
  return factsOf([
    ['message', id],
    ['of', organisation],
    ['subject', subject],
    ['given up on', buriedAt],
    ['because', reason],
    ['bytes', String(bytes)],
    ['begins with', beginning],
  ]);
}
