import { setInterval } from 'node:timers/promises';

import {
  openCheckpoint,
  parseVerifierKey,
  proveConsistency,
  tilePath,
  verifyConsistency,
  type Checkpoint,
} from '@dockchains/tlog';

const POLL_MS = 20;

/** Somebody outside who keeps every checkpoint that the gateway ever served, or what it serves as another `file` of the log. */
export class Observer {
  readonly notes: string[] = [];
  /** When each of the notes was first seen, in milliseconds of `performance.now()`. */
  readonly seenAt: number[] = [];
  readonly #url: () => string;
  readonly #everyMs: number;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(logUrl: () => string, { file = 'checkpoint', everyMs = POLL_MS } = {}) {
    this.#url = () => `${logUrl()}/${file}`;
    this.#everyMs = everyMs;
  }

  start(): void {
    this.#running = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #watch(): Promise<void> {
    const ticks = setInterval(this.#everyMs, undefined, { signal: this.#stop.signal })[
      Symbol.asyncIterator
    ]();
    try {
      while (!(await ticks.next()).done) await this.#look();
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  async #look(): Promise<void> {
    const answer = await fetch(this.#url(), { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (answer?.status !== 200) return; // away, as killed gateways are
    const note = await answer.text().catch(() => undefined);
    if (note === undefined || note === this.notes.at(-1)) return;
    this.notes.push(note);
    this.seenAt.push(performance.now());
  }
}

/**
 * Checks that every checkpoint kept extends the one before it, by consistency proofs from the tiles served now.
 * Consistency is transitive, so that all pairs are consistent then.
 */
export async function verifyHistory(notes: readonly string[], logUrl: string, vkey: string): Promise<number> {
  const key = parseVerifierKey(vkey);
  let previous: Checkpoint | undefined;
  for (const note of notes) {
    const { checkpoint } = openCheckpoint(note, key);
    if (previous !== undefined) await verifyPair(previous, checkpoint, logUrl);
    previous = checkpoint;
  }
  return notes.length;
}

const verifyPair = async (old: Checkpoint, next: Checkpoint, logUrl: string): Promise<void> => {
  if (old.size > next.size) throw new Error(`the log went back from ${old.size} to ${next.size} entries`);
  if (old.size === 0n) return;
  const proof =
    old.size === next.size
      ? []
      : await proveConsistency(old.size, next.size, (tile) => fetchBytes(`${logUrl}/${tilePath(tile)}`));
  verifyConsistency({ oldSize: old.size, newSize: next.size, oldRoot: old.root, newRoot: next.root, proof });
};

/** The bytes at a URL. @throws if the answer is not 200 */
export async function fetchBytes(url: string): Promise<Buffer> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  if (answer.status !== 200) {
    throw new Error(`${url} was answered ${answer.status}: ${(await answer.text()).slice(0, 500)}`);
  }
  return Buffer.from(await answer.arrayBuffer());
}
