// `npm run bench`: a gateway against other registries, on this machine and in turns, and what it must keep by itself.
import { execFileSync } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

import { startDockchains } from './dockchains.ts';
import { measureFederationCatchUp, measureFederationMirrors, measureFederationPushes } from './federation.ts';
import { type Bounds, runLoad, type Sample } from './load.ts';
import { DEBIAN, findPeer, OTHERS } from './peers.ts';
import { startProgram } from './program.ts';
import { keepsBound, type Reading } from './reading.ts';
import { encodeReadings, encodeTable, type Figure, type Line, summarise, writeResults } from './report.ts';
import { measureIdle, measureStart } from './resident.ts';
import { listScenarios, prepare, type Scenario } from './scenarios.ts';
import { measureSequencing } from './sequencing.ts';
import { measureSustained } from './sustained.ts';
import type { Target } from './target.ts';

interface Plan {
  readonly runs: number;
  readonly seconds: number;
  readonly tags: number;
  /** How long the load of pushes is kept up. */
  readonly sustainedSeconds: number;
  /** Of the ledger that a new peer takes over. */
  readonly entries: number;
  /** How long the catalog is watched while it follows that. */
  readonly catalogSeconds: number;
  /** Part of the names of the figures to measure. */
  readonly only: string;
}

/** A part of the report, by what `--only` may call it. */
interface Part {
  readonly name: string;
  readonly run: () => Promise<readonly Reading[]>;
}

interface Targets {
  readonly ours: Target;
  readonly peer: Target;
}

const FULL = {
  runs: 5,
  seconds: 3,
  tags: 10_000,
  sustainedSeconds: 60,
  entries: 1_000_000,
  catalogSeconds: 30,
};
const QUICK = {
  runs: 3,
  seconds: 1,
  tags: 2_000,
  sustainedSeconds: 10,
  entries: 200_000,
  catalogSeconds: 10,
};
const WARM_UP: Bounds = { seconds: 0.5, operations: 500 };
const PREPARATION_SECONDS = 300;
const NEEDED_BYTES = 12 * 1024 ** 3;
const PUSHES_PER_SECOND = 500;
const FEDERATION_SECONDS = 30;
const ALONE = ['sustained', 'sequencing', 'start', 'idle'] as const;

process.exitCode = await main(readPlan());

async function main(plan: Plan): Promise<number> {
  const { bavail, bsize } = await statfs(tmpdir());
  if (bavail * bsize < NEEDED_BYTES) {
    say(
      `There must be ${NEEDED_BYTES / 1024 ** 3} GiB free in ${tmpdir()}: set TMPDIR to a folder on another disk.`,
    );
    return 1;
  }
  say(
    `Load averages before: ${loadavg()
      .map((load) => load.toFixed(2))
      .join(', ')}.`,
  );
  const { comparisons, readings } = await measureBeside(plan);
  readings.push(...(await runParts(listFederation(plan), plan)));

  for (const { peer, lines } of comparisons) {
    if (lines.length > 0) say(`\n${encodeTable(lines, peer)}`);
  }
  if (readings.length > 0) say(`\n${encodeReadings(readings, DEBIAN.name)}\n`);
  const path = await writeResults({ comparisons, readings }, new Date());
  say(`Medians of ${plan.runs} runs each, in turns. Written to ${path}.`);
  return judge(
    comparisons.flatMap(({ lines }) => lines),
    readings,
  );
}

/** Measures what is compared with other registries, and what one gateway must keep by itself. */
async function measureBeside(
  plan: Plan,
): Promise<{ comparisons: { peer: string; lines: readonly Line[] }[]; readings: Reading[] }> {
  const isCompared = listScenarios(plan.tags).some(({ name }) => name.includes(plan.only));
  if (!isCompared && !ALONE.some((name) => name.includes(plan.only)))
    return { comparisons: [], readings: [] };
  await using cleanup = new AsyncDisposableStack();
  const ours = await startDockchains();
  cleanup.defer(() => ours.stop());
  await prepareAll(ours, plan);
  const debian = await startProgram(DEBIAN);
  cleanup.defer(() => debian.stop());
  await prepareAll(debian, plan);
  const comparisons = [
    { peer: debian.name, lines: await measureAll({ ours, peer: debian }, plan) },
    ...(await compareOthers(ours, plan)),
  ];
  return { comparisons, readings: await runParts(listAlone({ ours, peer: debian }, plan), plan) };
}

function judge(lines: readonly Line[], readings: readonly Reading[]): number {
  const slow = lines.filter(({ ratio, target }) => ratio < target);
  const broken = readings.filter((reading) => !keepsBound(reading));
  for (const { figure, connections } of slow) say(`Below its target: ${figure} at ${connections}.`);
  for (const { figure } of broken) say(`Beyond its target: ${figure}.`);
  return slow.length + broken.length === 0 ? 0 : 1;
}

async function prepareAll(target: Target, { tags }: Plan): Promise<void> {
  say(`Preparing ${target.name}: an image, blobs and ${tags} tags.`);
  await prepare(target, tags, { seconds: PREPARATION_SECONDS, operations: tags });
}

/** Compares with the other registries that are here: nothing is to be slower than they. */
async function compareOthers(ours: Target, plan: Plan): Promise<{ peer: string; lines: Line[] }[]> {
  const comparisons: { peer: string; lines: Line[] }[] = [];
  if (!listScenarios(plan.tags).some(({ name }) => name.includes(plan.only))) return comparisons;
  for (const other of OTHERS) {
    const found = await findPeer(other);
    if ('reason' in found) {
      say(`${other.program.name}: not run (${found.reason})`);
      continue;
    }
    const peer = await startProgram(found);
    try {
      await prepareAll(peer, plan);
      comparisons.push({ peer: peer.name, lines: await measureAll({ ours, peer }, plan, 1) });
    } finally {
      await peer.stop();
    }
  }
  return comparisons;
}

async function measureAll(targets: Targets, plan: Plan, target?: number): Promise<Line[]> {
  const lines: Line[] = [];
  for (const scenario of listScenarios(plan.tags)) {
    if (!scenario.name.includes(plan.only)) continue;
    const line = summarise(await measure(targets, scenario, plan), target);
    say(`${line.figure} at ${line.connections}: ${line.ratio.toFixed(2)} times ${targets.peer.name}`);
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

/** What has a bound of its own. */
function listAlone({ ours, peer }: Targets, plan: Plan): readonly Part[] {
  const load = { perSecond: PUSHES_PER_SECOND, seconds: plan.sustainedSeconds };
  const [sustained, sequencing, start, idle] = ALONE;
  return [
    { name: sustained, run: () => measureSustained(ours, load) },
    { name: sequencing, run: () => measureSequencing(plan.sustainedSeconds) },
    { name: start, run: () => measureStart(ours, peer, plan.runs) },
    { name: idle, run: () => measureIdle(ours, peer) },
  ];
}

/** What is measured between organisations, each with gateway, PostgreSQL and NATS server of its own. */
function listFederation(plan: Plan): readonly Part[] {
  const load = { ...plan, pushSeconds: Math.min(plan.sustainedSeconds, FEDERATION_SECONDS) };
  return [
    { name: 'federation pushes', run: () => measureFederationPushes(load) },
    { name: 'federation catch-up', run: () => measureFederationCatchUp(load) },
    { name: 'federation mirrors', run: () => measureFederationMirrors(load) },
  ];
}

async function runParts(parts: readonly Part[], plan: Plan): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (const { name, run } of parts) {
    if (!name.includes(plan.only)) continue;
    // What was written before, databases and images that no part measures, would go to the disk during this one.
    execFileSync('sync');
    for (const reading of await run()) {
      say(`${reading.figure}: ${reading.ours.toFixed(reading.unit === 'times' ? 2 : 1)} ${reading.unit}`);
      readings.push(reading);
    }
  }
  return readings;
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
