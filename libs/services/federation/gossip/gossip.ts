import { ClientError, type Fetch, openHttpLog, sendOk } from '@dockchains/client';
import { MAX_EQUIVOCATION_BYTES, parseEquivocation, type TileReader } from '@dockchains/tlog';

import { directFetch } from '../direct-fetch.ts';
import type { Peer, Peers } from '../peers/peers.ts';
import { openHead, type SignedHead } from '../replication/heads.ts';
import { isTheirs } from '../replication/peer-log.ts';
import { hashOrigin } from '../replication/replica.ts';
import { openVerifiedTiles } from '../replication/verified-tiles.ts';
import { compareHeads } from './compare-heads.ts';
import type { Evidence } from './evidence.ts';
import type { KnownLog } from './known-logs.ts';
import { openSuspects } from './suspects.ts';

/** The exchange of heads among peers, by which a log that shows two histories is found out. */
export interface Gossip {
  /** Asks every peer once what it holds of every log that is known here. */
  exchange(): Promise<void>;
  /**
   * Compares a head of a known log, that somebody showed, with those held here; true if the log is proven to have signed two
   * histories, by this one or before. What can't be decided now is decided by an exchange, with what peers hold.
   * @throws TlogError unless the log signed it
   */
  compare(origin: string, note: string | Uint8Array): Promise<boolean>;
  /** Ends after the exchange under way. */
  close(): Promise<void>;
}

/** What gossip takes. */
export type GossipDeps = {
  readonly peers: Pick<Peers, 'list'>;
  readonly evidence: Evidence;
  /** The logs of which heads are held here, our own among them. */
  readonly known: () => Promise<readonly KnownLog[]>;
  readonly log: { warn(fields: object, event: string): void };
  readonly fetch?: Fetch;
  /** Between two exchanges, in milliseconds; 5,000 unless told. */
  readonly intervalMs?: number;
};

const INTERVAL_MS = 5_000;
const TIMEOUT_MS = 4_000;
const MAX_REMEMBERED = 10_000;

/** Starts to exchange heads with all active peers. */
export function openGossip(deps: GossipDeps): Gossip {
  const { peers, evidence, known, log } = deps;
  const fetch = directFetch(deps.fetch);
  // A note that was compared before tells nothing new.
  const compared = new Map<string, string>();
  const remember = (url: string, text: string): void => {
    if (compared.size >= MAX_REMEMBERED) compared.clear();
    compared.set(url, text);
  };
  const suspects = openSuspects();

  /** Settled is also what a proof was found by, now or before. */
  const judge = async (
    one: KnownLog,
    shown: SignedHead,
    openShown?: () => Promise<TileReader>,
  ): Promise<{ isProven: boolean; isSettled: boolean }> => {
    if ((await evidence.find(one.origin)) !== undefined) return { isProven: true, isSettled: true };
    const { proof, isSettled } = await compareHeads(shown, await one.heads(), openShown);
    if (proof !== undefined) await evidence.report(proof, one.logKeys);
    return { isProven: proof !== undefined, isSettled };
  };

  const askNote = async (one: KnownLog, url: string, openTiles?: OpenTiles): Promise<void> => {
    const { bytes } = await sendOk(fetch, { url, maxBytes: MAX_EQUIVOCATION_BYTES, timeoutMs: TIMEOUT_MS });
    const note = Buffer.from(bytes).toString('utf8');
    if (compared.get(url) === note) return;
    const shown = openShownHead(one, note);
    const { isSettled } = await judge(one, shown, openTiles && (() => openTiles(shown)));
    // One that is ahead of us is compared again, with what is held here then.
    if (isSettled) remember(url, note);
  };

  const askProof = async (one: KnownLog, url: string): Promise<void> => {
    if ((await evidence.find(one.origin)) !== undefined) return;
    const { bytes } = await sendOk(fetch, { url, maxBytes: MAX_EQUIVOCATION_BYTES, timeoutMs: TIMEOUT_MS });
    const proof = Buffer.from(bytes).toString('utf8');
    if (compared.get(url) === proof) return;
    await evidence.report(parseEquivocation(proof), one.logKeys);
    remember(url, proof);
  };

  /** What was shown to us before and could not be decided, by the tiles of whoever may have them. */
  const askTiles = async (one: KnownLog, openTiles: OpenTiles): Promise<void> => {
    for (const suspect of suspects.of(one.origin)) {
      const { isSettled } = await judge(one, suspect, () => openTiles(suspect));
      if (isSettled) suspects.settle(suspect);
    }
  };

  const askPeer = async ({ organisation, url, descriptor }: Peer, one: KnownLog): Promise<void> => {
    const hash = hashOrigin(one.origin);
    const mirror = `${descriptor.endpoints.mirror}/${hash}`;
    const isItsOwn = one.organisation === organisation; // that is followed, not asked about
    const logUrl = isItsOwn ? `${descriptor.endpoints.log}/public` : mirror;
    const openTiles: OpenTiles = (head) =>
      openVerifiedTiles(openHttpLog(fetch, logUrl, { retries: 0 }), head);
    const questions: Promise<void>[] = one.isPublic ? [askTiles(one, openTiles)] : [];
    if (!isItsOwn) {
      if (one.isPublic) questions.push(askNote(one, `${mirror}/signed`, openTiles));
      questions.push(
        askNote(
          one,
          `${descriptor.endpoints.witness}/${hash}/checkpoint`,
          one.isPublic ? openTiles : undefined,
        ),
        askProof(one, `${url}/federation/equivocations/${hash}`),
      );
    }
    for (const answer of await Promise.allSettled(questions)) {
      if (answer.status === 'fulfilled' || isAbsent(answer.reason)) continue;
      if (!isTheirs(answer.reason)) throw answer.reason;
      log.warn({ peer: organisation, origin: one.origin, reason: answer.reason.message }, 'gossip failed');
    }
  };

  /** Whoever shows our witness another history than our mirror is found out without anybody else. */
  const compareOwn = async (one: KnownLog): Promise<void> => {
    const [first, ...others] = await one.heads();
    if (first === undefined) return;
    for (const { head } of others) await judge(one, head);
  };

  const exchange = async (): Promise<void> => {
    const [asked, logs] = await Promise.all([peers.list(), known()]);
    await Promise.all(logs.map(compareOwn));
    await Promise.all(asked.flatMap((peer) => logs.map((one) => askPeer(peer, one))));
  };

  let underWay = Promise.resolve();
  const timer = setInterval(() => {
    underWay = underWay.then(exchange).catch((error: unknown) => {
      log.warn({ err: error }, 'gossip interrupted, trying again');
    });
  }, deps.intervalMs ?? INTERVAL_MS);
  timer.unref();

  return {
    exchange,
    async compare(origin, note) {
      const one = (await known()).find((candidate) => candidate.origin === origin);
      if (one === undefined) return false;
      const shown = openShownHead(one, note);
      const { isProven, isSettled } = await judge(one, shown);
      if (!isSettled) suspects.add(shown);
      return isProven;
    },
    async close() {
      clearInterval(timer);
      await underWay;
    },
  };
}

type OpenTiles = (head: SignedHead) => Promise<TileReader>;

const openShownHead = ({ logKeys }: KnownLog, note: string | Uint8Array): SignedHead =>
  openHead(note, ...logKeys.map(({ key }) => key));

/** A peer that holds nothing of a log, or can't be reached, has nothing to say about it. */
function isAbsent(error: unknown): boolean {
  return (
    error instanceof ClientError &&
    ['NOT_FOUND', 'UNREACHABLE', 'TIMEOUT', 'UNAVAILABLE'].includes(error.code)
  );
}
