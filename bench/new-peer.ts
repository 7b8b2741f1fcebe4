import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

import { addPeer } from '@dockchains/testing';

import { type Organisation, query } from './organisations.ts';
import type { Reading } from './reading.ts';

/** How large the ledger is, and for how long the catalog is watched. */
export interface NewPeerPlan {
  readonly entries: number;
  readonly catalogSeconds: number;
}

const LARGE = 'large.example';
const PROGRAM = join(import.meta.dirname, 'large-organisation.ts');
const POLL_MS = 200;
const HELD_WITHIN_MS = 180_000;
const MIN_HELD_PER_SECOND = 10_000;
const MIN_SHOWN_PER_SECOND = 3_000;
const MAX_GROWTH = 1.1;
const KIB = 1024;

const STANDING = `query Standing($organisation: String!) {
  peer(organisation: $organisation) { replica { held publishedSize } }
  catalog { ledgers { organisation consumed } }
}`;

type Standing = {
  readonly peer: {
    readonly replica: { readonly held: string; readonly publishedSize: string } | null;
  } | null;
  readonly catalog: { readonly ledgers: readonly { organisation: string; consumed: string }[] };
};

type Sample = {
  readonly at: number;
  readonly held: number;
  readonly published: number;
  readonly shown: number;
  readonly rss: number;
};

/**
 * Makes an organisation with a large ledger a peer of one that has never heard of it, and watches until every entry is verified, durable and
 * cosigned, then how fast the catalog follows. Beside both the gateway fetches the images that the ledger tells of, as it always does.
 */
export async function measureNewPeer(
  organisation: Organisation,
  { entries, catalogSeconds }: NewPeerPlan,
): Promise<readonly Reading[]> {
  const large = await startLargeOrganisation(entries);
  try {
    const begin = performance.now();
    await addPeer(organisation.gateway, large);
    const held = await watch(organisation, {
      until: ({ published }) => published >= entries,
      withinMs: HELD_WITHIN_MS,
    });
    const last = held.at(-1);
    if (last === undefined || last.published < entries) {
      throw new Error(
        `Of ${entries} entries ${last?.held ?? 0} were held within ${HELD_WITHIN_MS / 1000} s.`,
      );
    }
    const shown = await watch(organisation, {
      until: (sample) => sample.shown >= entries,
      withinMs: catalogSeconds * 1000,
    });
    const shownSeconds = ((shown.at(-1)?.at ?? NaN) - last.at) / 1000;
    const memory = memoryOf(held);
    return [
      {
        figure: `${entries} entries of a new peer, verified and durable`,
        unit: 'entries/s',
        ours: (entries * 1000) / (last.at - begin),
        bound: { atLeast: MIN_HELD_PER_SECOND },
      },
      {
        figure: 'resident at the end, to when half was held',
        unit: 'times',
        ours: memory.growth,
        bound: { atMost: MAX_GROWTH },
      },
      { figure: 'most resident meanwhile', unit: 'MiB', ours: memory.peakMib, bound: undefined },
      {
        figure: 'the same entries, into the catalog',
        unit: 'entries/s',
        ours: ((shown.at(-1)?.shown ?? 0) - last.shown) / shownSeconds,
        bound: { atLeast: MIN_SHOWN_PER_SECOND },
      },
    ];
  } finally {
    await large.stop();
  }
}

/** Flat means: what is resident while the last quarter comes is no more than while the second did. */
function memoryOf(samples: readonly Sample[]): { growth: number; peakMib: number } {
  const end = samples.at(-1)?.held ?? 0;
  const most = (from: number, to: number): number =>
    Math.max(...samples.filter(({ held }) => held >= from * end && held <= to * end).map(({ rss }) => rss));
  return { growth: most(0.75, 1) / most(0.25, 0.5), peakMib: most(0, 1) / KIB };
}

async function watch(
  organisation: Organisation,
  { until, withinMs }: { until: (sample: Sample) => boolean; withinMs: number },
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (const deadline = performance.now() + withinMs; performance.now() < deadline;) {
    const { peer, catalog } = await query<Standing>(organisation, STANDING, { organisation: LARGE });
    const shown = catalog.ledgers.find((ledger) => ledger.organisation === LARGE)?.consumed ?? '0';
    const sample = {
      at: performance.now(),
      held: Number(peer?.replica?.held ?? 0),
      published: Number(peer?.replica?.publishedSize ?? 0),
      shown: Number(shown),
      rss: await residentKib(organisation.gateway.pid),
    };
    samples.push(sample);
    if (until(sample)) break;
    await pause(POLL_MS);
  }
  return samples;
}

async function residentKib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+([0-9]+) kB$/m.exec(status)?.[1] ?? NaN);
}

/** Starts it as a process of its own, so that neither its memory nor its work is taken for the gateway's. */
async function startLargeOrganisation(
  entries: number,
): Promise<{ readonly url: string; readonly fingerprint: string; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-large-'));
  const child = spawn(process.execPath, [PROGRAM, LARGE, String(entries), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => [''])])) as [
    string,
  ];
  const { url, fingerprint } = JSON.parse(line) as { url: string; fingerprint: string };
  return {
    ...{ url, fingerprint },
    async stop() {
      process.off('exit', kill);
      const ended = once(child, 'exit');
      kill();
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}
