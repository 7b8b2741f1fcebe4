import { collect, type CollectionStep } from '@dockchains/client';

import { openOperator } from '../accounts.ts';
import { commandOf, ORGANISATION_OPTION, type Register } from '../command.ts';
import { type Outcome, tableOf } from '../output.ts';
import { startProgress } from '../progress.ts';

type Options = { readonly registry?: string; readonly dryRun?: boolean; readonly untagged?: boolean };
type Items = CollectionStep['items'];

/** `dockchains collect`: removes content that nothing needs any more, or says what would go. */
export const registerCollect: Register = (parent, { io, print }) => {
  parent.addCommand(
    commandOf('collect', {
      summary: 'remove content that nothing needs any more (for operators)',
      examples: 'dockchains collect --dry-run --untagged',
    })
      .option('--dry-run', 'say what would go, and change nothing')
      .option('--untagged', 'delete manifests that no tag reaches, through indexes or as referrers, as well')
      .option(...ORGANISATION_OPTION)
      .action(
        print(async ({ registry, dryRun = false, untagged = false }: Options): Promise<Outcome> => {
          const session = await openOperator(io, registry);
          const progress = startProgress(io);
          const items: Items = [];
          let [freedFiles, freedBytes] = [0, 0n];
          try {
            for await (const step of collect(session, { dryRun, untagged })) {
              items.push(...step.items);
              freedFiles += step.freedFiles;
              freedBytes += BigInt(step.freedBytes);
              progress.update(`${items.length} of them so far, ${freedBytes} bytes freed`);
            }
          } finally {
            progress.stop();
          }
          const summary = summaryOf(items, { dryRun, freedFiles, freedBytes });
          const rows = items.map(({ kind, repository, digest, size }) => [
            ...[kind.toLowerCase(), repository, digest, size],
          ]);
          const table = tableOf(['KIND', 'REPOSITORY', 'DIGEST', 'BYTES'], rows);
          return {
            text: items.length === 0 ? summary : `${table}\n${summary}`,
            json: { dryRun, untagged, items, freedFiles, freedBytes: `${freedBytes}` },
          };
        }),
      ),
  );
};

function summaryOf(
  items: Items,
  { dryRun, freedFiles, freedBytes }: { dryRun: boolean; freedFiles: number; freedBytes: bigint },
): string {
  const manifests = items.filter(({ kind }) => kind === 'MANIFEST').length;
  const deleted = `${manifests} ${manifests === 1 ? 'manifest' : 'manifests'}`;
  const files = `${freedFiles} ${freedFiles === 1 ? 'file' : 'files'} of ${freedBytes} bytes`;
  const later = manifests === 0 ? '' : ' What only they needed goes a lease later.';
  return dryRun
    ? `Would delete ${deleted} and remove ${files}.${later}`
    : `Deleted ${deleted} and removed ${files}.${later}`;
}
