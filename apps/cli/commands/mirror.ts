import {
  listMirrorPolicies,
  type MirrorPolicy,
  removeMirrorPolicy,
  setMirrorPolicy,
} from '@dockchains/client';
import { Option } from 'commander';

import { openOperator } from '../accounts.ts';
import { commandOf, groupOf, ORGANISATION_OPTION, type Register } from '../command.ts';
import { CliError } from '../errors.ts';
import { type Outcome, tableOf } from '../output.ts';

type Options = { readonly registry?: string };

type SetOptions = Options & {
  readonly fetch: keyof typeof FETCHES;
  readonly every?: string;
  readonly maxBytes?: string;
};

const FETCHES = {
  'on-demand': 'ON_DEMAND',
  'on-announcement': 'ON_ANNOUNCEMENT',
  'on-schedule': 'ON_SCHEDULE',
  never: 'NEVER',
} as const;

/** `dockchains mirror`: how much is kept of peers' images. */
export const registerMirror: Register = (parent, { io, print }) => {
  const group = groupOf('mirror', "how much a gateway keeps of its peers' images (for operators)");
  group.addCommand(
    commandOf('list', { summary: 'list the policies', examples: 'dockchains mirror list' })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async ({ registry }: Options): Promise<Outcome> => {
          const policies = await listMirrorPolicies(await openOperator(io, registry));
          const rows = policies.map((policy) => [
            ...[policy.pattern, fetchOf(policy)],
            ...[policy.everySeconds === null ? '' : `${policy.everySeconds} s`, policy.maxBytes ?? ''],
          ]);
          return { text: tableOf(['PATTERN', 'LAYERS', 'EVERY', 'MAX BYTES'], rows), json: { policies } };
        }),
      ),
  );
  group.addCommand(
    commandOf('set <glob>', {
      summary: "make a policy for peers' repositories of a pattern, or change it",
      examples: [
        `dockchains mirror set 'globex.example/**' --fetch on-announcement`,
        `dockchains mirror set 'initech.example/**' --fetch on-demand --max-bytes 50000000000`,
      ].join('\n'),
    })
      .addOption(
        new Option('--fetch <when>', 'when layers are fetched')
          .choices(Object.keys(FETCHES))
          .makeOptionMandatory(),
      )
      .option('--every <seconds>', 'with on-schedule: from one sweep to the next')
      .option('--max-bytes <bytes>', 'most bytes of layers kept; those fetched first go first')
      .option(...ORGANISATION_OPTION)
      .action(
        print(async (pattern: string, { registry, fetch, every, maxBytes }: SetOptions): Promise<Outcome> => {
          const policy = await setMirrorPolicy(await openOperator(io, registry), {
            ...{ pattern, fetch: FETCHES[fetch], everySeconds: readSeconds(every) },
            maxBytes: maxBytes ?? null,
          });
          return { text: `Layers under ${policy.pattern} are fetched ${fetchOf(policy)}.`, json: policy };
        }),
      ),
  );
  group.addCommand(
    commandOf('remove <glob>', {
      summary: 'remove a policy',
      examples: `dockchains mirror remove 'globex.example/**'`,
    })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async (pattern: string, { registry }: Options): Promise<Outcome> => {
          const policy = await removeMirrorPolicy(await openOperator(io, registry), pattern);
          return { text: `The policy for ${policy.pattern} is gone.`, json: policy };
        }),
      ),
  );
  parent.addCommand(group);
};

function fetchOf({ fetch }: MirrorPolicy): string {
  return fetch.toLowerCase().replace('_', '-');
}

function readSeconds(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new CliError('USAGE', '--every takes a whole number of seconds, such as 3600.');
}
