import { ClientError, type Fetch, type LogReader, openHttpLog, sendOk } from '@dockchains/client';
import { MAX_EQUIVOCATION_BYTES, parseEquivocation } from '@dockchains/tlog';

import { directFetch } from '../direct-fetch.ts';
import type { Peer, Peers } from '../peers/peers.ts';
import { findContradiction, openHead, type SignedHead } from '../replication/heads.ts';
import { isTheirs } from '../replication/peer-log.ts';
import { hashOrigin } from '../replication/replica.ts';
import { openVerifiedTiles } from '../replication/verified-tiles.ts';
import type { Evidence } from './evidence.ts';
import type { KnownLog } from './known-logs.ts';

/** The exchange of heads among peers, by which a log that shows two histories is found out. */
export interface Gossip {
  /** Asks every peer once what it holds of every log that is known here. */
  exchange(): Promise<void>;
  /**
   * Compares a head of a known log, that somebody showed, with the one held here; true if the log is proven to have signed two
   * histories, by this one or before. What can't be decided now is decided when what is held here has grown.
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

  const judge = async (one: KnownLog, head: SignedHead, reader?: LogReader): Promise<boolean> => {
    if ((await evidence.find(one.origin)) !== undefined) return true;
    const ours = await one.head();
    if (ours === undefined) return false;
    const isOlder = head.size <= ours.size;
    if (!isOlder && reader === undefined) return false;
    const tiles = isOlder || reader === undefined ? one.tiles : await openVerifiedTiles(reader, head);
    const proof = isOlder
      ? await findContradiction(head, ours, tiles)
      : await findContradiction(ours, head, tiles);
    if (proof !== undefined) await evidence.report(proof, one.logKey);
    return proof !== undefined;
  };

  const askNote = async (one: KnownLog, url: string, reader?: LogReader): Promise<void> => {
    const { bytes } = await sendOk(fetch, { url, maxBytes: MAX_EQUIVOCATION_BYTES, timeoutMs: TIMEOUT_MS });
    const note = Buffer.from(bytes).toString('utf8');
    if (compared.get(url) === note) return;
    const head = openHead(note, one.logKey);
    const ours = await one.head();
    await judge(one, head, reader);
    if (compared.size >= MAX_REMEMBERED) compared.clear();
    // One that is ahead of us is compared again, with what is held here then.
    if (ours !== undefined && head.size <= ours.size) compared.set(url, note);
  };

  const askProof = async (one: KnownLog, url: string): Promise<void> => {
    if ((await evidence.find(one.origin)) !== undefined) return;
    const { bytes } = await sendOk(fetch, { url, maxBytes: MAX_EQUIVOCATION_BYTES, timeoutMs: TIMEOUT_MS });
    await evidence.report(parseEquivocation(bytes), one.logKey);
  };

  const askPeer = async ({ organisation, url, descriptor }: Peer, one: KnownLog): Promise<void> => {
    if (one.organisation === organisation) return; // its own log is followed, not asked about
    const hash = hashOrigin(one.origin);
    const mirror = `${descriptor.endpoints.mirror}/${hash}`;
    const answers = await Promise.allSettled([
      askNote(one, `${mirror}/signed`, openHttpLog(fetch, mirror, { retries: 0 })),
      askNote(one, `${descriptor.endpoints.witness}/${hash}/checkpoint`),
      askProof(one, `${url}/federation/equivocations/${hash}`),
    ]);
    for (const answer of answers) {
      if (answer.status === 'fulfilled' || isAbsent(answer.reason)) continue;
      if (!isTheirs(answer.reason)) throw answer.reason;
      log.warn({ peer: organisation, origin: one.origin, reason: answer.reason.message }, 'gossip failed');
    }
  };

  const exchange = async (): Promise<void> => {
    const [asked, logs] = await Promise.all([peers.list(), known()]);
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
      return one === undefined ? false : judge(one, openHead(note, one.logKey));
    },
    async close() {
      clearInterval(timer);
      await underWay;
    },
  };
}

/** A peer that holds nothing of a log, or can't be reached, has nothing to say about it. */
function isAbsent(error: unknown): boolean {
  return (
    error instanceof ClientError &&
    ['NOT_FOUND', 'UNREACHABLE', 'TIMEOUT', 'UNAVAILABLE'].includes(error.code)
  );
}
