import { setRepositoryVisibility } from '@dockchains/client';
import type { Command } from 'commander';

import { type CommandContext, commandOf } from '../command.ts';
import { CliError } from '../errors.ts';
import { openGateway } from '../gateway.ts';
import { readOrganisations } from '../organisations.ts';
import type { Outcome } from '../output.ts';
import { parseTarget } from '../reference.ts';

const VISIBILITIES = ['public', 'private'];

/** Adds `repo visibility`: who may read a repository, and which ledger its records go to. */
export function addVisibility(parent: Command, { io, print }: CommandContext): void {
  parent.addCommand(
    commandOf('visibility <repository> <visibility>', {
      summary:
        'make a repository public or private, with all that it holds on record anew (for who may administer it)',
      examples: 'dockchains repo visibility acme.example/public/app private',
    }).action(
      print(async (text: string, visibility: string): Promise<Outcome> => {
        if (!VISIBILITIES.includes(visibility)) {
          throw new CliError('USAGE', `The visibility must be one of ${VISIBILITIES.join(', ')}.`);
        }
        const target = parseTarget(text, await readOrganisations(io));
        const session = await openGateway(io, target, 'operator');
        const { repository } = target;
        const change = await setRepositoryVisibility(session, {
          repository,
          visibility: visibility.toUpperCase(),
        });
        const { manifests, tags } = change;
        return {
          text: `${repository} is ${visibility}; ${manifests} manifests and ${tags} tags went on record anew.`,
          json: { repository, visibility, manifests, tags },
        };
      }),
    ),
  );
}
