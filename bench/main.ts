// `npm run bench`: a gateway against Debian's docker-registry, on this machine and in turns.
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

import { startDistribution } from './distribution.ts';
import { startDockchains } from './dockchains.ts';
import { type Bounds, runLoad, type Sample } from './load.ts';
import { encodeTable, type Figure, type Line, summarise, writeResults } from './report.ts';
import { listScenarios, prepare, type Scenario } from './scenarios.ts';
import type { Target } from './target.ts';

interface Plan {
  readonly runs: number;
  readonly seconds: number;
  readonly tags: number;
  /** Part of the names of the figures to measure. */
  readonly only: string;
}

interface Targets {
  readonly ours: Target;
  readonly peer: Target;
}

const FULL = { runs: 5, seconds: 3, tags: 10_000 };
const QUICK = { runs: 3, seconds: 1, tags: 2_000 };
const WARM_UP: Bounds = { seconds: 0.5, operations: 500 };
const PREPARATION_SECONDS = 300;
const NEEDED_BYTES = 12 * 1024 ** 3;

process.exitCode = await main(readPlan());

async function main(plan: Plan): Promise<number> {
  const { bavail, bsize } = await statfs(tmpdir());
  if (bavail * bsize < NEEDED_BYTES) {
    say(
      `There must be ${NEEDED_BYTES / 1024 ** 3} GiB free in ${tmpdir()}: set TMPDIR to a folder on another disk.`,
    );
    return 1;
  }
  await using cleanup = new AsyncDisposableStack();
  const peer = await startDistribution();
  cleanup.defer(() => peer.stop());
  const ours = await startDockchains();
  cleanup.defer(() => ours.stop());

  for (const target of [ours, peer]) {
    say(`Preparing ${target.name}: an image, blobs and ${plan.tags} tags.`);
    await prepare(target, plan.tags, { seconds: PREPARATION_SECONDS, operations: plan.tags });
  }
  const lines = await measureAll({ ours, peer }, plan);
  say(`\n${encodeTable(lines, peer.name)}\n`);
  say(`Medians of ${plan.runs} runs each, in turns. Written to ${await writeResults(lines, new Date())}.`);
  const behind = lines.filter(({ ratio }) => ratio < 1);
  for (const { figure, connections } of behind) say(`Behind the peer: ${figure} at ${connections}.`);
  return behind.length === 0 ? 0 : 1;
}

async function measureAll(targets: Targets, plan: Plan): Promise<Line[]> {
  const lines: Line[] = [];
  for (const scenario of listScenarios(plan.tags)) {
    if (!scenario.name.includes(plan.only)) continue;
    const line = summarise(await measure(targets, scenario, plan));
    say(`${line.figure} at ${line.connections}: ${line.ratio.toFixed(2)} times the peer`);
    lines.push(line);
  }
  return lines;
}

/** Ours, the peer's, ours, …: what else the machine does in the meantime meets both. */
async function measure({ ours, peer }: Targets, scenario: Scenario, plan: Plan): Promise<Figure> {
  const { connections, operation, operations } = scenario;
  for (const target of [ours, peer]) await runLoad(target, operation, { connections, bounds: WARM_UP });
  const bounds = { seconds: plan.seconds, operations };
  const figure: Figure & { ours: Sample[]; peer: Sample[] } = { scenario, ours: [], peer: [] };
  for (let run = 0; run < plan.runs; run++) {
    figure.ours.push(await runLoad(ours, operation, { connections, bounds }));
    figure.peer.push(await runLoad(peer, operation, { connections, bounds }));
  }
  return figure;
}

function readPlan(): Plan {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      only: { type: 'string', default: '' },
    },
  });
  const plan = values.quick ? QUICK : FULL;
  return { ...plan, runs: Number(values.runs ?? plan.runs), only: values.only };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
