import {
  ClientError,
  listNamespaceRules,
  listRepositories,
  listTags,
  removeNamespaceRule,
  type RepositorySummary,
  type Session,
  setNamespaceRule,
} from '@dockchains/client';
import type { RepositoryName } from '@dockchains/oci';
import type { Command } from 'commander';

import { type CommandContext, commandOf, groupOf, ORGANISATION_OPTION, type Register } from '../command.ts';
import { CliError } from '../errors.ts';
import { chooseGateway, openGateway, type Role } from '../gateway.ts';
import type { Io } from '../io.ts';
import { readOrganisations } from '../organisations.ts';
import { factsOf, type Outcome, tableOf } from '../output.ts';
import { parseTarget } from '../reference.ts';
import { addImmutable } from './immutable.ts';
import { addVisibility } from './visibility.ts';

type Options = { readonly registry?: string };

const VISIBILITIES = ['public', 'protected', 'private'];

/** `dockchains repo`: repositories, their tags, and the rules by which they may come to be. */
export const registerRepo: Register = (parent, context) => {
  const group = groupOf('repo', 'repositories, their tags, and where new ones may come to be');
  for (const add of [addList, addShow, addTags, addVisibility, addRules, addImmutable]) add(group, context);
  parent.addCommand(group);
};

function addList(group: Command, { io, print }: CommandContext): void {
  group.addCommand(
    commandOf('list', {
      summary: 'list the repositories that you may read',
      examples: 'dockchains repo list',
    })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async ({ registry }: Options): Promise<Outcome> => {
          const repositories = await listRepositories(await open(io, registry, 'publisher'));
          const rows = repositories.map(({ name, visibility, createdAt }) => [
            name,
            visibility.toLowerCase(),
            createdAt,
          ]);
          return {
            text: tableOf(['REPOSITORY', 'VISIBILITY', 'CREATED'], rows),
            json: { repositories: repositories.map(toJson) },
          };
        }),
      ),
  );
}

function addShow(group: Command, { io, print }: CommandContext): void {
  group.addCommand(
    commandOf('show <repository>', {
      summary: 'show one repository',
      examples: 'dockchains repo show acme.example/public/app',
    }).action(
      print(async (text: string): Promise<Outcome> => {
        const { session, repository } = await openRepository(io, text);
        // One after the other, so that what can't be read is always refused in the same words.
        const summary = await getSummary(session, repository);
        const tags = await listTags(session, repository);
        const facts = factsOf([
          ['repository', summary.name],
          ['visibility', summary.visibility.toLowerCase()],
          ['created', summary.createdAt],
          ['tags', `${tags.length}`],
        ]);
        return { text: facts, json: { ...toJson(summary), tags } };
      }),
    ),
  );
}

function addTags(group: Command, { io, print }: CommandContext): void {
  group.addCommand(
    commandOf('tags <repository>', {
      summary: 'list the tags of a repository, one a line',
      examples: 'dockchains repo tags acme.example/public/app',
    }).action(
      print(async (text: string): Promise<Outcome> => {
        const { session, repository } = await openRepository(io, text);
        const tags = await listTags(session, repository);
        return { text: tags.join('\n'), json: { repository, tags } };
      }),
    ),
  );
}

function addRules(group: Command, { io, print }: CommandContext): void {
  const rules = groupOf(
    'rule',
    'where new repositories may come to be, and how visible they are (for operators)',
  );
  rules.addCommand(
    commandOf('list', { summary: 'list the rules', examples: 'dockchains repo rule list' })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async ({ registry }: Options): Promise<Outcome> => {
          const all = await listNamespaceRules(await open(io, registry, 'operator'));
          const lower = all.map((rule) => ({ ...rule, visibility: rule.visibility.toLowerCase() }));
          const rows = lower.map(({ pattern, visibility }) => [pattern, visibility]);
          return { text: tableOf(['PATTERN', 'VISIBILITY'], rows), json: { rules: lower } };
        }),
      ),
  );
  rules.addCommand(
    commandOf('set <glob> <visibility>', {
      summary: 'let repositories under a pattern come to be, as visible as this',
      examples: `dockchains repo rule set 'team/**' public`,
    })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async (pattern: string, visibility: string, { registry }: Options): Promise<Outcome> => {
          if (!VISIBILITIES.includes(visibility)) {
            throw new CliError('USAGE', `The visibility must be one of ${VISIBILITIES.join(', ')}.`);
          }
          const session = await open(io, registry, 'operator');
          await setNamespaceRule(session, { pattern, visibility: visibility.toUpperCase() });
          return {
            text: `New repositories under ${pattern} are ${visibility}.`,
            json: { pattern, visibility },
          };
        }),
      ),
  );
  rules.addCommand(
    commandOf('remove <glob>', {
      summary: 'remove a rule; repositories that it let come to be stay',
      examples: `dockchains repo rule remove 'team/**'`,
    })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async (pattern: string, { registry }: Options): Promise<Outcome> => {
          await removeNamespaceRule(await open(io, registry, 'operator'), pattern);
          return { text: `Removed the rule for ${pattern}.`, json: { pattern } };
        }),
      ),
  );
  group.addCommand(rules);
}

async function open(io: Io, registry: string | undefined, role: Role): Promise<Session> {
  return openGateway(io, await chooseGateway(io, registry), role);
}

async function openRepository(
  io: Io,
  text: string,
): Promise<{ session: Session; repository: RepositoryName }> {
  const target = parseTarget(text, await readOrganisations(io));
  return { session: await openGateway(io, target, 'publisher'), repository: target.repository };
}

/** Searches the list: the gateway has no question for one repository. */
async function getSummary(session: Session, repository: RepositoryName): Promise<RepositorySummary> {
  const summary = (await listRepositories(session)).find(({ name }) => name === repository);
  if (summary !== undefined) return summary;
  throw new ClientError(
    'NOT_FOUND',
    `There is no repository ${repository} at ${session.url} that you can read.`,
  );
}

function toJson({ name, visibility, createdAt }: RepositorySummary) {
  return { name, visibility: visibility.toLowerCase(), createdAt };
}
