import {
  type EntriesRecovered,
  findOwnHeads,
  type PeerProblem,
  recoverEntries,
} from '@dockchains/federation';
import { hasInception } from '@dockchains/keys';
import {
  closeLedger,
  findLedgerSize,
  findSignedFile,
  type LedgerFiles,
  type LedgerName,
  namesOf,
  reachOfFiles,
  successorOf,
} from '@dockchains/ledger';
import { type Origin, parseOrigin } from '@dockchains/tlog';

import { cannotRecover, type RecoveryDeps } from './deps.ts';
import type { RecoverOptions } from './options.ts';

/** What is known of the ledgers' files once they are as far as they can be brought. */
export type FilesRecovered = {
  readonly public: LedgerFiles & EntriesRecovered;
  readonly private: LedgerFiles & EntriesRecovered;
};

/** The files of a ledger of ours. */
function filesOf({ tiles, keys }: RecoveryDeps, name: LedgerName): LedgerFiles {
  const { verifierKey } = keys[name];
  const origin = parseOrigin(verifierKey.name);
  return { tiles, origin, name: namesOf(origin).files, verifierKey };
}

/**
 * Brings the tile store as far as it and the peers' mirrors go. A ledger of which neither has enough is closed if that was asked for.
 * @throws Error with code CANNOT_RECOVER
 */
export async function recoverLedgerFiles(
  deps: RecoveryDeps,
  options: RecoverOptions,
): Promise<FilesRecovered> {
  return {
    public: await recoverPublic(deps, options),
    private: await recoverPrivate(deps, options),
  };
}

async function recoverPublic(deps: RecoveryDeps, options: RecoverOptions): Promise<FilesRecovered['public']> {
  const { log, peers } = deps;
  const files = filesOf(deps, 'public');
  if (!(await hasInception(deps.config.keysDirectory, files.origin))) return notBegun(files);
  const heads = await findOwnHeads(peers, files);
  if ((await findSignedFile(files)) === undefined) requireAnswers(heads.problems, options);
  const found = await recoverEntries(files, heads);
  const recovered = { ...files, ...found, problems: [...heads.problems, ...found.problems] };
  const { origin, size, taken, from, signedSize } = recovered;
  const facts = { origin, size: `${size}`, taken: `${taken}`, from, signedSize: `${signedSize}` };
  log.warn(facts, 'entries recovered');
  const isTraced = (await findSignedFile(files)) !== undefined;
  if (isTraced && signedSize <= size) return recovered;
  if (options.acceptLoss) {
    requireAnswers(heads.problems, options);
    await close(deps, origin, { size: signedSize, kept: size });
  } else if (!isTraced) {
    throw cannotRecover(
      `Neither the tile store nor a peer has entries of ${origin}; peers know of ${signedSize}. Put the tile store back from its backup, or add peers that mirror it (--peer URL --fingerprint F); or run this again with --accept-loss: the ledger is closed for good, and ${successorOf(origin)} begins.`,
    );
  }
  return recovered;
}

/** Nobody else has the entries of a private ledger: without its files it is closed, and what it held is lost. */
async function recoverPrivate(
  deps: RecoveryDeps,
  options: RecoverOptions,
): Promise<FilesRecovered['private']> {
  const { config, database, peers } = deps;
  const files = filesOf(deps, 'private');
  const signed = await findSignedFile(files);
  if (signed !== undefined) {
    const size = await reachOfFiles(files);
    return { ...files, size, taken: 0n, from: undefined, signedSize: signed.size, problems: [] };
  }
  const { origin } = files;
  // An earlier run closed the one before: its successor begins with the ledgers' opening.
  if (!(await hasInception(config.keysDirectory, origin))) return notBegun(files);
  const inDatabase = (await findLedgerSize(database, origin)) ?? 0n;
  if (inDatabase > 0n) {
    throw cannotRecover(
      `The database holds ${inDatabase} entries of ${origin}, and the tile store nothing of it: put the tile store back from its backup.`,
    );
  }
  const heads = await findOwnHeads(peers, files);
  const signedSize = heads.known.reduce((most, { head }) => (head.size > most ? head.size : most), 0n);
  if (!options.acceptLoss) {
    throw cannotRecover(
      `Of ${origin} nothing is left, and nobody else ever had its entries: peers know of ${signedSize}. Put the tile store back from its backup; or run this again with --accept-loss: the ledger is closed for good, by a public record that says so, and ${successorOf(origin)} begins.`,
    );
  }
  requireAnswers(heads.problems, options);
  await close(deps, origin, { size: signedSize, kept: 0n });
  return { ...files, size: 0n, taken: 0n, from: undefined, signedSize, problems: heads.problems };
}

/** The successor of a ledger that an earlier run closed, which begins when the ledgers are opened. */
const notBegun = (files: LedgerFiles): LedgerFiles & EntriesRecovered => ({
  ...{ ...files, size: 0n, taken: 0n, from: undefined, signedSize: 0n, problems: [] },
});

async function close(
  { config, log, clock }: RecoveryDeps,
  origin: Origin,
  { size, kept }: { readonly size: bigint; readonly kept: bigint },
): Promise<void> {
  const facts = { origin, successor: successorOf(origin), size: `${size}`, kept: `${kept}` };
  await closeLedger(config.keysDirectory, { ...facts, at: clock().toISOString() });
  log.error(facts, 'ledger closed: entries of it are lost');
}

/** A peer that can't be asked may know of more than the others: what would be signed over that, nobody would forgive. */
function requireAnswers(problems: readonly PeerProblem[], { without }: RecoverOptions): void {
  const silent = problems.find(
    ({ organisation, code }) => code === 'UNREACHABLE' && !without.includes(organisation),
  );
  if (silent === undefined) return;
  throw cannotRecover(
    `${silent.organisation} can't be asked what it knows of our ledgers: ${silent.reason} Try again when it is there. If it never will be: --without ${silent.organisation}; should it know of more than the others, our ledger contradicts itself.`,
  );
}
