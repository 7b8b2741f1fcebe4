import { setTimeout as delay } from 'node:timers/promises';

import { ClientError, type Fetch, sendOk } from '@dockchains/client';
import { MAX_EQUIVOCATION_BYTES, parseEquivocation } from '@dockchains/tlog';

import { directFetch } from '../direct-fetch.ts';
import type { Peer, Peers } from '../peers/peers.ts';
import { isTheirs } from '../replication/peer-log.ts';
import { hashOrigin } from '../replication/replica.ts';
import type { Evidence } from './evidence.ts';
import { createJudge, type Judged, openShownHead } from './judge.ts';
import type { KnownLog } from './known-logs.ts';
import { openSuspects } from './suspects.ts';
import type { Undecided } from './undecided.ts';

/** The exchange of heads among peers, by which a log that shows two histories is found out. */
export interface Gossip {
  /** Asks every peer once what it holds of every log that is known here, and logs of which that decides nothing. */
  exchange(): Promise<void>;
  /**
   * Compares a head of a known log, that somebody showed, with those held here; true if the log is proven to have signed two
   * histories, by this one or before. What can't be decided now is decided by an exchange, with what peers hold.
   * @throws TlogError unless the log signed it
   */
  compare(origin: string, note: string | Uint8Array): Promise<boolean>;
  /** Asks a log at once for what it has not explained yet. */
  explain(origin: string): Promise<void>;
  /** Ends after the exchange under way. */
  close(): Promise<void>;
}

/** What gossip takes. */
export type GossipDeps = {
  readonly peers: Pick<Peers, 'list'>;
  readonly evidence: Evidence;
  readonly undecided: Undecided;
  /** The logs of which heads are held here, our own among them. */
  readonly known: () => Promise<readonly KnownLog[]>;
  readonly log: { warn(fields: object, event: string): void };
  readonly fetch?: Fetch;
  /** Between two exchanges, in milliseconds; 5,000 unless told. */
  readonly intervalMs?: number;
  /** Before a log that refused to explain two heads is asked once more, in milliseconds; 1,000 unless told. */
  readonly againMs?: number;
};

const INTERVAL_MS = 5_000;
const TIMEOUT_MS = 4_000;
const AGAIN_MS = 1_000;
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
  const judge = createJudge({ ...deps, fetch });
  const stop = new AbortController();
  const keep = async (one: KnownLog, shownBy: string, judged: readonly Judged[]): Promise<void> => {
    if (!(await judge.keep(one, shownBy, judged))) return;
    await delay(deps.againMs ?? AGAIN_MS, undefined, { signal: stop.signal, ref: false }).catch(
      () => undefined,
    );
    if (!stop.signal.aborted) await judge.keep(one, shownBy, []);
  };

  const askNote = async (one: KnownLog, url: string, by: Peer): Promise<Judged> => {
    const { bytes } = await sendOk(fetch, { url, maxBytes: MAX_EQUIVOCATION_BYTES, timeoutMs: TIMEOUT_MS });
    const note = Buffer.from(bytes).toString('utf8');
    if (compared.get(url) === note) return { verdict: { kind: 'settled' } };
    const shown = openShownHead(one, note);
    const verdict = await judge.compare(one, shown, by);
    // One that is ahead of us is compared again, with what is held here then.
    if (verdict.kind === 'settled' || verdict.kind === 'contradicts') remember(url, note);
    return { shown, verdict };
  };

  const askProof = async (one: KnownLog, url: string): Promise<void> => {
    if ((await evidence.find(one.origin)) !== undefined) return;
    const { bytes } = await sendOk(fetch, { url, maxBytes: MAX_EQUIVOCATION_BYTES, timeoutMs: TIMEOUT_MS });
    const proof = Buffer.from(bytes).toString('utf8');
    if (compared.get(url) === proof) return;
    await evidence.report(parseEquivocation(proof), one.logKeys);
    remember(url, proof);
  };

  const askPeer = async (peer: Peer, one: KnownLog): Promise<void> => {
    const { organisation, url, descriptor } = peer;
    if (one.organisation === organisation) return; // that is followed, not asked about
    const hash = hashOrigin(one.origin);
    const mirror = `${descriptor.endpoints.mirror}/${hash}`;
    const notes = [
      ...(one.isPublic ? [`${mirror}/signed`] : []),
      `${descriptor.endpoints.witness}/${hash}/checkpoint`,
    ];
    const [heads, proof] = await Promise.all([
      Promise.allSettled(notes.map((note) => askNote(one, note, peer))),
      Promise.allSettled([askProof(one, `${url}/federation/equivocations/${hash}`)]),
    ]);
    for (const { reason } of [...heads, ...proof].filter((one) => one.status === 'rejected')) {
      if (isAbsent(reason)) continue;
      if (!isTheirs(reason)) throw reason;
      log.warn({ peer: organisation, origin: one.origin, reason: reason.message }, 'gossip failed');
    }
    const judged = heads.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    await keep(one, organisation, judged);
  };

  /** Whoever shows our witness another history than our mirror is found out without anybody else. */
  const compareOwn = async (one: KnownLog): Promise<void> => {
    const [, ...others] = await one.heads();
    const judged: Judged[] = [];
    for (const shown of [...others.map(({ head }) => head), ...suspects.of(one.origin)]) {
      const verdict = await judge.compare(one, shown);
      if (verdict.kind === 'settled' || verdict.kind === 'contradicts') suspects.settle(shown);
      judged.push({ shown, verdict });
    }
    await keep(one, one.organisation, judged);
  };

  // Whoever answers slowly holds up nobody but himself.
  const underWay = new Map<string, Promise<void>>();
  const once = (id: string, look: () => Promise<void>): Promise<void> => {
    const looking =
      underWay.get(id) ??
      look()
        .catch((error: unknown) => {
          log.warn({ err: error }, 'gossip interrupted, trying again');
        })
        .finally(() => underWay.delete(id));
    underWay.set(id, looking);
    return looking;
  };
  const exchange = async (): Promise<void> => {
    const [asked, logs] = await Promise.all([peers.list(), known()]);
    const looking = logs.flatMap((one) => [
      ...asked.map((peer) => once(`${peer.organisation} ${one.origin}`, () => askPeer(peer, one))),
      once(one.origin, () => compareOwn(one)),
    ]);
    await Promise.all(looking);
  };
  const timer = setInterval(() => {
    exchange().catch((error: unknown) => {
      log.warn({ err: error }, 'gossip interrupted, trying again');
    });
  }, deps.intervalMs ?? INTERVAL_MS);
  timer.unref();

  const findKnown = async (origin: string): Promise<KnownLog | undefined> =>
    (await known()).find((candidate) => candidate.origin === origin);
  return {
    exchange,
    async compare(origin, note) {
      const one = await findKnown(origin);
      if (one === undefined) return false;
      const shown = openShownHead(one, note);
      const { kind } = await judge.compareHere(one, shown);
      if (kind !== 'settled' && kind !== 'contradicts') suspects.add(shown);
      return kind === 'contradicts' || (await evidence.find(origin)) !== undefined;
    },
    async explain(origin) {
      const one = await findKnown(origin);
      // Whoever repeats what a log once asked makes it be asked no oftener.
      if (one !== undefined) await once(`explain ${origin}`, () => judge.explain(one));
    },
    async close() {
      clearInterval(timer);
      stop.abort();
      await Promise.all(underWay.values());
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
