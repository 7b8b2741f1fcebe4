import { createHash } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';

import type { AcknowledgedPush } from './pusher.ts';

/** Another organisation, and what it has acknowledged so far. */
export interface Pullable {
  readonly organisation: string;
  readonly acknowledged: () => readonly AcknowledgedPush[];
}

const TIMEOUT_MS = 30_000;
// What was acknowledged a moment ago need not be published yet, so that it is not there for others.
const BEHIND = 5;

/** Pulls recent images of other organisations from one gateway until stopped. Pulls may fail; bytes may not be others. */
export class Puller {
  /** How many images were pulled whole. */
  pulled = 0;
  /** What was given with 200 and is not what was pushed. */
  readonly wrong: string[] = [];
  readonly failures = new Map<string, number>();
  readonly #url: string;
  readonly #others: readonly Pullable[];
  readonly #paceMs: number;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(url: string, others: readonly Pullable[], paceMs: number) {
    this.#url = url;
    this.#others = others;
    this.#paceMs = paceMs;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let turn = 0; !this.#stop.signal.aborted; turn += 1) {
      await after(this.#paceMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      const other = this.#others[turn % this.#others.length];
      const push = other?.acknowledged().at(-BEHIND);
      if (other === undefined || push === undefined) continue;
      try {
        await this.#pull(`${other.organisation}/${push.repository}`, push);
        this.pulled += 1;
      } catch (error) {
        const kind = String(error).slice(0, 60);
        this.failures.set(kind, (this.failures.get(kind) ?? 0) + 1);
      }
    }
  }

  async #pull(repository: string, { tag, image }: AcknowledgedPush): Promise<void> {
    const paths = [
      { path: `manifests/${tag}`, digest: image.descriptor.digest },
      ...image.blobs.map(({ descriptor: { digest } }) => ({ path: `blobs/${digest}`, digest })),
    ];
    for (const { path, digest } of paths) {
      const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(TIMEOUT_MS)]);
      const answer = await fetch(`${this.#url}/v2/${repository}/${path}`, { signal });
      const bytes = Buffer.from(await answer.arrayBuffer());
      if (answer.status !== 200) throw new Error(`status ${answer.status}`);
      const found = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      if (found !== digest)
        this.wrong.push(`${this.#url} gave ${found} for ${repository}/${path}, ${digest}`);
    }
  }
}
