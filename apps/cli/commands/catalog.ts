import { setTimeout as delay } from 'node:timers/promises';

import { type CatalogStatus, getCatalog, rebuildCatalog } from '@dockchains/client';

import { openOperator } from '../accounts.ts';
import { commandOf, groupOf, ORGANISATION_OPTION, type Register } from '../command.ts';
import type { Outcome } from '../output.ts';
import { startProgress } from '../progress.ts';

type Options = { readonly registry?: string };

const ASK_MS = 250;

/** `dockchains catalog`: the view that answers searches. */
export const registerCatalog: Register = (parent, { io, print }) => {
  const group = groupOf('catalog', 'the view over own and replicated ledgers that answers searches');
  group.addCommand(
    commandOf('rebuild', {
      summary: 'build the catalog anew from the ledgers, and wait until it is served (for operators)',
      examples: 'dockchains catalog rebuild',
    })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async ({ registry }: Options): Promise<Outcome> => {
          const session = await openOperator(io, registry);
          const progress = startProgress(io);
          try {
            let catalog = await rebuildCatalog(session);
            while (catalog.rebuilding) {
              progress.update(describe(catalog));
              await delay(ASK_MS);
              catalog = await getCatalog(session);
            }
            const entries = sum(catalog.ledgers.map(({ consumed }) => consumed));
            const { length: ledgers } = catalog.ledgers;
            return {
              text: `The catalog is new: ${entries} entries of ${ledgers} ledgers.`,
              json: { entries: `${entries}`, ledgers },
            };
          } finally {
            progress.stop();
          }
        }),
      ),
  );
  parent.addCommand(group);
};

function describe({ ledgers }: CatalogStatus): string {
  const done = sum(ledgers.map(({ rebuilt }) => rebuilt ?? 0n));
  return `${done} of ${sum(ledgers.map(({ publishedSize }) => publishedSize))} entries`;
}

function sum(numbers: readonly bigint[]): bigint {
  return numbers.reduce((total, number) => total + number, 0n);
}
