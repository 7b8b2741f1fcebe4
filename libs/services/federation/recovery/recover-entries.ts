import {
  findSignedFile,
  keepSignedFile,
  type KeptHead,
  type LedgerFiles,
  LedgerError,
  reachOfFiles,
  refillFiles,
} from '@dockchains/ledger';
import { rootFromTiles, type TileReader } from '@dockchains/tlog';

import { isEqual, type SignedHead } from '../replication/heads.ts';
import { isTheirs } from '../replication/peer-log.ts';
import { readVerifiedEntries } from '../replication/verified-entries.ts';
import { openVerifiedTiles } from '../replication/verified-tiles.ts';
import type { HeldHead, KnownHead, OwnHeads, PeerProblem } from './own-heads.ts';

/** What became of the entries of a log of ours. */
export type EntriesRecovered = {
  /** How many entries there are now in the log's files. */
  readonly size: bigint;
  /** How many of them were taken from peers. */
  readonly taken: bigint;
  /** Whose mirror gave them. */
  readonly from: string | undefined;
  /** The largest size that we are known to have signed: what lies between is lost. */
  readonly signedSize: bigint;
  readonly problems: readonly PeerProblem[];
};

/**
 * Brings the files of a public log of ours as far as peers' mirrors hold it. Each mirror is believed in nothing: its head was signed by us, and each of its
 * entries is verified under that; one that gives something else is passed over for the next. What the files have beyond stays.
 * @throws LedgerError CONTRADICTION if our key signed two histories, or the files are of another one
 */
export async function recoverEntries(files: LedgerFiles, heads: OwnHeads): Promise<EntriesRecovered> {
  const problems: PeerProblem[] = [];
  const kept = await findSignedFile(files);
  const reach = kept === undefined ? 0n : await reachOfFiles(files);
  const signed = newestOf([
    ...heads.known.map(({ head }) => keep(head)),
    ...(kept === undefined ? [] : [kept]),
  ]);
  const signedSize = signed?.size ?? 0n;
  if (kept !== undefined && signed !== undefined) await keepSignedFile(files, signed);
  for (const held of heads.held) {
    if (signed === undefined || (kept !== undefined && held.head.size <= reach)) break;
    try {
      const taken = await takeFrom(files, held, { known: heads.known, signed });
      return { size: held.head.size, taken, from: held.organisation, signedSize, problems };
    } catch (error) {
      if (!isTheirs(error)) throw error;
      problems.push({ organisation: held.organisation, code: 'REFUSED', reason: error.message });
    }
  }
  return { size: reach, taken: 0n, from: undefined, signedSize, problems };
}

async function takeFrom(
  files: LedgerFiles,
  { head, reader }: HeldHead,
  { known, signed }: { readonly known: readonly KnownHead[]; readonly signed: KeptHead },
): Promise<bigint> {
  const tiles = await openVerifiedTiles(reader, head);
  for (const one of known) await refuseOtherHistory(one, head, tiles);
  const published = newestOf(
    known
      .filter(({ note, head: { size } }) => note === 'checkpoint' && size <= head.size)
      .map((one) => keep(one.head)),
  );
  const { taken } = await refillFiles(files, {
    ...{ head: keep(head), published, signed },
    readEntries: (start) => readVerifiedEntries(reader, { start, head, tiles }),
  });
  return taken;
}

const keep = ({ size, root, note }: SignedHead): KeptHead => ({ size, root: Buffer.from(root), note });

const newestOf = (heads: readonly KeptHead[]): KeptHead | undefined =>
  heads.reduce<KeptHead | undefined>(
    (newest, head) => (newest === undefined || head.size > newest.size ? head : newest),
    undefined,
  );

async function refuseOtherHistory(
  { organisation, head }: KnownHead,
  larger: HeldHead['head'],
  tiles: TileReader,
): Promise<void> {
  if (head.size === 0n || head.size > larger.size) return;
  if (isEqual(head.root, await rootFromTiles(head.size, tiles))) return;
  throw new LedgerError(
    'CONTRADICTION',
    `${organisation} has a head of ${head.origin} at ${head.size} entries, signed by our own key, that is no part of the one at ${larger.size}: the key was used for two histories. Nothing is recovered before somebody has looked at both.`,
  );
}
