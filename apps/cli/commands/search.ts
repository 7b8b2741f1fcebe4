import { searchRepositories } from '@dockchains/client';
import { InvalidArgumentError } from 'commander';

import { commandOf, ORGANISATION_OPTION, type Register } from '../command.ts';
import { chooseGateway, openGateway } from '../gateway.ts';
import { type Outcome, tableOf } from '../output.ts';

type Options = { readonly registry?: string; readonly organisation?: string; readonly limit: number };

const MAX_RESULTS = 100;
const UNCOUNTED = 1_000;

/** `dockchains search`: repositories of every organisation that the gateway knows of. */
export const registerSearch: Register = (parent, { io, print }) => {
  parent.addCommand(
    commandOf('search <words...>', {
      summary: 'search the repositories of all organisations that a gateway knows of',
      examples: `dockchains search redis cache -r globex.example
dockchains search hello --organisation acme.example --json`,
    })
      .option(...ORGANISATION_OPTION)
      .option('--organisation <name>', 'only repositories of this organisation')
      .option('--limit <number>', `at most so many, up to ${MAX_RESULTS}`, parseLimit, 20)
      .action(
        print(
          async (words: readonly string[], { registry, limit, organisation }: Options): Promise<Outcome> => {
            const session = await openGateway(io, await chooseGateway(io, registry), 'publisher');
            const { nodes, matches } = await searchRepositories(session, {
              ...{ text: words.join(' '), first: limit },
              ...(organisation !== undefined && { organisation }),
            });
            const found = nodes.map((node) => ({ ...node, visibility: node.visibility.toLowerCase() }));
            const rows = found.map(({ name, organisation: owner, visibility, createdAt }) => [
              ...[name, owner, visibility, createdAt],
            ]);
            const count = `${nodes.length} of ${matches}${matches >= UNCOUNTED ? ' or more' : ''}`;
            return {
              text: `${tableOf(['REPOSITORY', 'ORGANISATION', 'VISIBILITY', 'SINCE'], rows)}\n${count}`,
              json: { matches, repositories: found },
            };
          },
        ),
      ),
  );
};

function parseLimit(text: string): number {
  const limit = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_RESULTS) return limit;
  throw new InvalidArgumentError(`Give a number from 1 to ${MAX_RESULTS}.`);
}
