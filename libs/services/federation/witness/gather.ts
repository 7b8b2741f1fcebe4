import { setTimeout as delay } from 'node:timers/promises';

import type { KeptHead, Ledger } from '@dockchains/ledger';
import { parseNote, type Policy } from '@dockchains/tlog';

import { type AskWitness, askWitness, type WitnessAddress, type WitnessReply } from './ask-witness.ts';

/** How one witness stands towards one ledger, for those who operate it. */
export interface WitnessStanding extends WitnessAddress {
  /** The size that it cosigned last, as far as this process knows. */
  readonly size: bigint | undefined;
  /** Why it has not cosigned the latest; undefined where nothing is wrong. */
  readonly problem: string | undefined;
}

/** What gathering needs. */
export interface GatherDeps {
  readonly ledger: Ledger;
  /** The ledger's policy now: its witnesses with a URL are asked. */
  policy(): Promise<Policy>;
  /** The peer whose witness answers at the URL. */
  organisationOf(url: string): Promise<string | undefined>;
  readonly ask: AskWitness;
  readonly clock: () => Date;
  /** Hears of each answer, for metrics; `witness` is a name of the policy. */
  readonly observe: (answer: { readonly witness: string; readonly isCosigned: boolean }) => void;
  readonly log: { warn(fields: object, event: string): void; info(fields: object, event: string): void };
}

/** Gathers the cosignatures of one ledger's heads, on the gateway that sequences it. */
export interface Gatherer {
  /** There is a head to be cosigned. */
  announce(): void;
  standings(): readonly WitnessStanding[];
  close(): Promise<void>;
}

/** One address, whatever number of keys: a call for each key would make a witness refuse all but the first (tessera#1028). */
interface Asked {
  readonly address: WitnessAddress;
  names: string[];
  size: bigint | undefined;
  failures: number;
  problem: string | undefined;
  /** In milliseconds of `performance.now()`. */
  notBefore: number;
  busy: Promise<void> | undefined;
}

const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 30_000;
const IDLE_MS = 15_000;
const FOLLOW_MS = 1_000;
const STUCK_MS = 10_000;
// Those who are slower than one that went past a head, or says so, get time to cosign it.
const PASSED_MS = 1_000;
// A witness that names one size after the other is not asked for ever.
const MAX_TURNS = 3;
const AHEAD = 'it says that it cosigned more entries of this log than were ever signed here';

/** Starts gathering; nothing is asked while there is no witness. */
export function startGathering(deps: GatherDeps): Gatherer {
  const stop = new AbortController();
  const asked = new Map<string, Asked>();
  let wake: (() => void) | undefined;
  let isAwake = false;

  const announce = (): void => {
    isAwake = true;
    wake?.();
  };
  const pause = async (ms: number): Promise<void> => {
    const woken = new AbortController();
    wake = () => {
      woken.abort();
    };
    if (!isAwake && !stop.signal.aborted) {
      await delay(ms, undefined, { signal: woken.signal, ref: false }).catch(() => undefined);
    }
    wake = undefined;
    isAwake = false;
  };

  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      let restMs = FOLLOW_MS;
      try {
        restMs = await turn(deps, asked, announce);
      } catch (error) {
        deps.log.warn(
          { err: error, origin: deps.ledger.origin },
          'gathering cosignatures interrupted, trying again',
        );
      }
      await pause(restMs);
    }
    await Promise.all([...asked.values()].map(({ busy }) => busy ?? Promise.resolve()));
  };
  const running = run();
  return {
    announce,
    standings: () => [...asked.values()].map(({ address, size, problem }) => ({ ...address, size, problem })),
    async close() {
      stop.abort();
      announce();
      await running;
    },
  };
}

/** Asks whoever is free and has not cosigned the head; gives for how long there is nothing to do. */
async function turn(deps: GatherDeps, asked: Map<string, Asked>, announce: () => void): Promise<number> {
  const { ledger } = deps;
  await updateAddresses(deps, asked);
  if (asked.size === 0) return IDLE_MS;
  const { leading, size: signedAtMost, publishedSize, waitingSince } = await ledger.status();
  if (!leading) return FOLLOW_MS;
  const head = await ledger.announcedHead();
  const cosigned = new Set(await cosignedNames(ledger, head));
  const missing = [...asked.values()].filter(({ names }) => names.some((name) => !cosigned.has(name)));

  const now = performance.now();
  const behind = missing.filter(({ size }) => (size ?? 0n) <= head.size);
  for (const one of behind) {
    if (one.busy !== undefined || one.notBefore > now) continue;
    one.busy = askOne(deps, one, head).finally(() => {
      one.busy = undefined;
      announce();
    });
  }
  const isWaiting = head.size > publishedSize;
  for (const one of missing) if ((one.size ?? 0n) > signedAtMost) noteProblem(deps, one, AHEAD);
  if (isWaiting && isStuck(deps, { head, asked, signedAtMost, waitingSince })) {
    if (await ledger.skipAnnounced()) return 0;
  }
  const next = Math.min(
    ...missing.filter(({ busy }) => busy === undefined).map(({ notBefore }) => notBefore),
  );
  return Math.min(isWaiting ? FOLLOW_MS : IDLE_MS, Math.max(0, next - now));
}

/**
 * Somebody who must cosign has gone past the head, or it has waited for long and nobody is asked: the newest has better chances. Whoever
 * says that it has cosigned what was never signed has gone nowhere, or he alone could keep a quorum from ever meeting.
 */
function isStuck(
  { clock }: GatherDeps,
  {
    head,
    asked,
    signedAtMost,
    waitingSince,
  }: {
    head: KeptHead;
    asked: ReadonlyMap<string, Asked>;
    signedAtMost: bigint;
    waitingSince: Date | undefined;
  },
): boolean {
  const all = [...asked.values()];
  const waitedMs = waitingSince === undefined ? 0 : clock().getTime() - waitingSince.getTime();
  const isPassed = all.some(({ size = 0n }) => size > head.size && size <= signedAtMost);
  if (isPassed && waitedMs > PASSED_MS) return true;
  return waitedMs > STUCK_MS && all.every(({ busy }) => busy === undefined);
}

async function cosignedNames(ledger: Ledger, head: KeptHead): Promise<string[]> {
  const lines = await ledger.findCosignatures(head.size);
  if (lines.length === 0) return [];
  return parseNote(`${parseNote(head.note).text}\n${lines.join('')}`).signatures.map(({ name }) => name);
}

/** Witnesses that came get an entry; those that left lose theirs. What a witness was at is kept while it stays. */
async function updateAddresses(deps: GatherDeps, asked: Map<string, Asked>): Promise<void> {
  const byUrl = new Map<string, string[]>();
  for (const { key, url } of (await deps.policy()).witnesses) {
    if (url !== undefined) byUrl.set(url, [...(byUrl.get(url) ?? []), key.name]);
  }
  for (const url of asked.keys()) if (!byUrl.has(url)) asked.delete(url);
  for (const [url, names] of byUrl) {
    const known = asked.get(url);
    if (known !== undefined) {
      known.names = names;
      continue;
    }
    const organisation = await deps.organisationOf(url);
    asked.set(url, {
      address: { url, ...(organisation !== undefined && { organisation }) },
      ...{ names, size: undefined, failures: 0, problem: undefined, notBefore: 0, busy: undefined },
    });
  }
}

async function askOne(deps: GatherDeps, one: Asked, head: KeptHead): Promise<void> {
  const { observe } = deps;
  let problem: string | undefined;
  try {
    problem = await askInTurns(deps, one, head);
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  for (const witness of one.names) observe({ witness, isCosigned: problem === undefined });
  if (problem === undefined) {
    Object.assign(one, { failures: 0, problem: undefined, notBefore: 0 });
    return;
  }
  noteProblem(deps, one, problem);
  one.notBefore = performance.now() + Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** one.failures);
  one.failures = Math.min(one.failures + 1, 10);
}

function noteProblem({ ledger, log }: GatherDeps, one: Asked, problem: string): void {
  if (one.problem !== problem) {
    log.warn({ origin: ledger.origin, witness: one.address.url, problem }, 'witness did not cosign');
  }
  one.problem = problem;
}

/** Why it did not cosign; undefined if it did. */
async function askInTurns(deps: GatherDeps, one: Asked, head: KeptHead): Promise<string | undefined> {
  const { ledger, ask } = deps;
  for (let attempt = 0; attempt < MAX_TURNS; attempt += 1) {
    const oldSize: bigint = one.size ?? 0n;
    if (oldSize > head.size) return undefined; // it has a later one: nothing is wrong with it
    const proof =
      oldSize === 0n || oldSize === head.size ? [] : await ledger.proveConsistency(oldSize, head.size);
    const reply: WitnessReply = await askWitness(ask, one.address, { oldSize, proof, note: head.note });
    if (reply.kind === 'unknown-log') {
      return `waiting for ${one.address.organisation ?? one.address.url} to add us`;
    }
    if (reply.kind === 'failed') return reply.reason;
    if (reply.kind === 'cosigned') return keep(deps, one, { head, lines: reply.lines });
    if (reply.size === one.size) return 'it refuses the size that it names itself';
    one.size = reply.size;
  }
  return 'it names another size each time';
}

async function keep(
  { ledger }: GatherDeps,
  one: Asked,
  { head, lines }: { head: KeptHead; lines: readonly string[] },
): Promise<string | undefined> {
  one.size = head.size;
  const { accepted } = await ledger.addCosignatures(head.size, lines);
  if (accepted > 0) return undefined;
  // Another head may have been published meanwhile, and then its cosignature is of no use.
  const current = await ledger.announcedHead();
  return current.size > head.size ? undefined : 'it signed by a key that the policy does not name';
}
