import type { Socket } from 'node:net';
import { pipeline, Transform, type TransformCallback } from 'node:stream';
import { setTimeout as after } from 'node:timers/promises';

/**
 * How a link behaves. `cut`: connections are reset, new ones too. `slow`: each piece waits for `latencyMs` and then takes as long as its bytes do.
 * `half-open`: connections are accepted and stay, and what goes in one direction is swallowed.
 */
export type LinkMode =
  | { readonly kind: 'open' }
  | { readonly kind: 'cut' }
  | { readonly kind: 'slow'; readonly latencyMs: number; readonly bytesPerSecond: number }
  | { readonly kind: 'half-open'; readonly lost: Direction };

/** `requests` go from who connected to who was connected to, `answers` back. */
export type Direction = 'requests' | 'answers';

// Two streams end with a socket, and each listens to all that may befall it.
const MAX_LISTENERS = 20;

type Joined = { readonly caller: Socket; readonly callee: Socket; lost: boolean };

/** Everything that one organisation's connections to another go through; both ends are processes of this machine. */
export class Link {
  #mode: LinkMode = { kind: 'open' };
  readonly #joined = new Set<Joined>();
  #connections = 0;

  get mode(): LinkMode {
    return this.#mode;
  }

  /** How many connections were ever carried. */
  get connections(): number {
    return this.#connections;
  }

  /** What is connected now is treated in the new way too; a connection of which bytes were swallowed can't go on, and is reset. */
  setMode(mode: LinkMode): void {
    this.#mode = mode;
    for (const joined of this.#joined) {
      if (mode.kind === 'cut' || (joined.lost && mode.kind !== 'half-open')) reset(joined);
    }
  }

  /** Carries a connection of `caller` on to `callee`, which may be connecting still. Both are ended by the end of either. */
  join(caller: Socket, callee: Socket): void {
    const joined: Joined = { caller, callee, lost: false };
    if (this.#mode.kind === 'cut') {
      reset(joined);
      return;
    }
    this.#connections += 1;
    this.#joined.add(joined);
    const end = (): void => {
      caller.destroy();
      callee.destroy();
      this.#joined.delete(joined);
    };
    for (const socket of [caller, callee]) {
      socket.setMaxListeners(MAX_LISTENERS).setNoDelay(true).once('close', end);
    }
    // What ends one way ends the other: the sockets' own ends say all that there is to say.
    pipeline(caller, this.#lane('requests', joined), callee, end);
    pipeline(callee, this.#lane('answers', joined), caller, end);
  }

  #lane(direction: Direction, joined: Joined): Transform {
    const pass = async (chunk: Buffer, done: TransformCallback): Promise<void> => {
      const mode = this.#mode;
      if (mode.kind === 'slow') {
        await after(mode.latencyMs + (1000 * chunk.length) / mode.bytesPerSecond);
      }
      if (mode.kind === 'half-open' && mode.lost === direction) {
        joined.lost = true;
        done();
        return;
      }
      done(null, chunk);
    };
    return new Transform({ transform: (chunk: Buffer, _encoding, done) => void pass(chunk, done) });
  }
}

function reset({ caller, callee }: Joined): void {
  for (const socket of [caller, callee]) {
    socket.on('error', () => undefined);
    if (socket.connecting) socket.destroy();
    else socket.resetAndDestroy();
  }
}
