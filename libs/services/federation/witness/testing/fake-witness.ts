import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import {
  cosign,
  type Cosigner,
  createCosigner,
  parseAddCheckpoint,
  parseCheckpoint,
  parseNote,
} from '@dockchains/tlog';

/** How a witness of a test answers: rightly, not yet, never, with garbage, as one that knows no log, or as one that is always further. */
type Behaviour = 'good' | 'held' | 'failing' | 'garbage' | 'stranger' | 'ahead';

/** A witness over HTTP under a test's control; it believes every note, and answers sizes as tlog-witness says. */
export interface FakeWitness {
  readonly url: string;
  readonly cosigners: readonly Cosigner[];
  /** The size of each log that it cosigned last, by origin. */
  readonly sizes: Map<string, bigint>;
  /** Statuses that it answered with, in order. */
  readonly statuses: number[];
  behaviour: Behaviour;
  /** Answers what was held. */
  release(): void;
  close(): Promise<void>;
}

/** Starts a witness on a free port, with so many keys. */
export async function startFakeWitness(name: string, keys = 1): Promise<FakeWitness> {
  const cosigners = Array.from({ length: keys }, (_, index) =>
    createCosigner({
      name: index === 0 ? `${name}/witness` : `${name}/witness${index}`,
      privateKey: generateKeyPairSync('ed25519').privateKey,
    }),
  );
  const held: (() => void)[] = [];
  const state = {
    behaviour: 'good' as Behaviour,
    sizes: new Map<string, bigint>(),
    statuses: [] as number[],
  };

  const answer = (body: string): { status: number; type: string; body: string } => {
    const plain = 'text/plain; charset=utf-8';
    if (state.behaviour === 'failing') return { status: 500, type: plain, body: 'failed\n' };
    if (state.behaviour === 'garbage') return { status: 200, type: plain, body: 'no line\n' };
    if (state.behaviour === 'stranger') return { status: 404, type: plain, body: 'unknown\n' };
    const { oldSize, note } = parseAddCheckpoint(body);
    const { origin, size } = parseCheckpoint(parseNote(note).text);
    const known = state.behaviour === 'ahead' ? size + 1n : (state.sizes.get(origin) ?? 0n);
    if (oldSize !== known) return { status: 409, type: 'text/x.tlog.size', body: `${known}\n` };
    state.sizes.set(origin, size);
    const lines = cosigners.map((cosigner) => cosign(note, cosigner, 1_800_000_000n));
    return { status: 200, type: plain, body: lines.join('') };
  };
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const send = (): void => {
        const { status, type, body: answered } = answer(body);
        state.statuses.push(status);
        response.writeHead(status, { 'content-type': type }).end(answered);
      };
      if (state.behaviour === 'held') held.push(send);
      else send();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...{ url: `http://127.0.0.1:${port}/witness`, cosigners, sizes: state.sizes, statuses: state.statuses },
    get behaviour() {
      return state.behaviour;
    },
    set behaviour(behaviour) {
      state.behaviour = behaviour;
    },
    release() {
      state.behaviour = 'good';
      for (const send of held.splice(0)) send();
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
