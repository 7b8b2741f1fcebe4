import { type Fetch, openHttpLog } from '@dockchains/client';
import type { TileReader } from '@dockchains/tlog';

import { FederationError } from '../errors.ts';
import type { Peer, Peers } from '../peers/peers.ts';
import { openHead, type SignedHead } from '../replication/heads.ts';
import { isTheirs } from '../replication/peer-log.ts';
import { hashOrigin } from '../replication/replica.ts';
import { openVerifiedTiles } from '../replication/verified-tiles.ts';
import { compareHeads, type Sources, type Verdict } from './compare-heads.ts';
import type { Evidence } from './evidence.ts';
import { openAskLog } from './explain.ts';
import type { KnownLog } from './known-logs.ts';
import type { Undecided, UndecidedHead } from './undecided.ts';

/** A head that somebody showed, unless it was compared before, and what became of it. */
export type Judged = { readonly shown?: SignedHead; readonly verdict: Verdict };

/** Decides about heads that somebody shows, and keeps what can't be decided. */
export interface Judge {
  /**
   * Compares a head with those held here, with tiles of the peer that showed it, or of any peer, and with what its log says; what is
   * proven is reported.
   */
  compare(one: KnownLog, shown: SignedHead, by?: Peer): Promise<Verdict>;
  /** The same with what is held here alone. */
  compareHere(one: KnownLog, shown: SignedHead): Promise<Verdict>;
  /**
   * Keeps what could not be decided of what an organisation showed now, and lets go of what it showed before if that was. True if the log
   * refused an explanation for the first time.
   */
  keep(one: KnownLog, shownBy: string, judged: readonly Judged[]): Promise<boolean>;
  /** Looks once more at what is kept of a log. */
  explain(one: KnownLog): Promise<void>;
}

/** What judging takes. */
export type JudgeDeps = {
  readonly peers: Pick<Peers, 'list'>;
  readonly evidence: Evidence;
  readonly undecided: Undecided;
  readonly fetch: Fetch;
};

const TIMEOUT_MS = 4_000;

/** Opens it. */
export function createJudge({ peers, evidence, undecided, fetch }: JudgeDeps): Judge {
  const askLog = openAskLog(fetch);
  const decide = async (one: KnownLog, shown: SignedHead, sources: Sources): Promise<Verdict> => {
    // What is proven needs no more proof.
    if ((await evidence.find(one.origin)) !== undefined) return { kind: 'settled' };
    const verdict = await compareHeads(shown, await one.heads(), sources);
    if (verdict.kind === 'contradicts') await evidence.report(verdict.proof, one.logKeys);
    return verdict;
  };
  const openTiles = async (one: KnownLog, shown: SignedHead, by?: Peer): Promise<TileReader> => {
    const urls = (by === undefined ? await peers.list() : [by]).map((peer) => tilesUrl(peer, one));
    try {
      return await Promise.any(
        urls.map((url) =>
          openVerifiedTiles(openHttpLog(fetch, url, { retries: 0, timeoutMs: TIMEOUT_MS }), shown),
        ),
      );
    } catch (error) {
      if (!(error instanceof AggregateError)) throw error;
      throw error.errors.find((one) => !isTheirs(one)) ?? notHad(error);
    }
  };
  const compare: Judge['compare'] = (one, shown, by) => {
    const { logUrl } = one;
    return decide(one, shown, {
      openShown: one.isPublic ? () => openTiles(one, shown, by) : undefined,
      explain: logUrl === undefined ? undefined : (held) => askLog(logUrl, held, shown),
    });
  };

  const keep: Judge['keep'] = async (one, shownBy, judged) => {
    // Of a ledger of our own we know ourselves.
    if (one.logUrl === undefined) return false;
    const kept = (await undecided.listOf(one.origin)).find((row) => row.shownBy === shownBy);
    const again = kept === undefined ? [] : [await lookAgain(one, kept)];
    for (const { shown, verdict } of [...again, ...judged]) {
      if (shown === undefined || verdict.kind !== 'undecided' || verdict.held === undefined) continue;
      const { held, answer, isRefused } = verdict;
      if (![held, shown].every((head) => isStanding(one, head))) continue;
      return undecided.note({ shownBy, held, shown, answer, isRefused });
    }
    if (kept !== undefined) await undecided.settle(one.origin, shownBy);
    return false;
  };
  const lookAgain = async (one: KnownLog, { shown }: UndecidedHead) => ({
    shown,
    verdict: await compare(one, shown),
  });

  return {
    compare,
    compareHere: (one, shown) => decide(one, shown, {}),
    keep,
    async explain(one) {
      const kept = await undecided.listOf(one.origin);
      await Promise.all(kept.map(({ shownBy }) => keep(one, shownBy, [])));
    },
  };
}

/** Reads a note that the log signed by any of the keys that it has had. @throws TlogError */
export function openShownHead({ logKeys }: KnownLog, note: string | Uint8Array): SignedHead {
  return openHead(note, ...logKeys.map(({ key }) => key));
}

/** Whoever has a revoked key may have signed: a log owes no explanation of that. */
function isStanding({ logKeys }: KnownLog, { note }: SignedHead): boolean {
  try {
    openHead(note, ...logKeys.filter(({ isRevoked }) => !isRevoked).map(({ key }) => key));
    return true;
  } catch {
    return false;
  }
}

/** Where a peer serves the tiles of a log: its own, or its mirror of another's. */
function tilesUrl({ organisation, descriptor: { endpoints } }: Peer, one: KnownLog): string {
  return one.organisation === organisation
    ? `${endpoints.log}/public`
    : `${endpoints.mirror}/${hashOrigin(one.origin)}`;
}

const notHad = (cause: AggregateError): FederationError =>
  new FederationError('NOT_MIRRORED', 'Nobody who was asked has the tiles below this head.', { cause });
