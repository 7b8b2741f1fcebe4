import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';

import type { Sample } from './load.ts';
import { keepsBound, type Reading } from './reading.ts';
import type { Scenario } from './scenarios.ts';

/** The runs of one figure, in the order in which they were made; ours and the peer's alternate. */
export interface Figure {
  readonly scenario: Scenario;
  readonly ours: readonly Sample[];
  readonly peer: readonly Sample[];
}

/** One line of the report; rates are medians in the figure's unit, times medians of the runs' percentiles. */
export interface Line {
  readonly figure: string;
  readonly connections: number;
  readonly unit: string;
  readonly ours: number;
  readonly peer: number;
  readonly ratio: number;
  /** What the ratio should reach. */
  readonly target: number;
  readonly oursP50Ms: number;
  readonly peerP50Ms: number;
  readonly oursP99Ms: number;
  readonly peerP99Ms: number;
}

const MEGA = 1e6;

/** Gives the medians of a figure's runs. */
export function summarise({ scenario, ours, peer }: Figure, target = scenario.target): Line {
  const rate = (sample: Sample): number =>
    scenario.unit === 'MB/s' ? sample.bytesPerSecond / MEGA : sample.perSecond;
  const [oursRate, peerRate] = [median(ours.map(rate)), median(peer.map(rate))];
  return {
    figure: scenario.name,
    connections: scenario.connections,
    unit: scenario.unit,
    ours: oursRate,
    peer: peerRate,
    ratio: oursRate / peerRate,
    target,
    oursP50Ms: median(ours.map(({ p50Ms }) => p50Ms)),
    peerP50Ms: median(peer.map(({ p50Ms }) => p50Ms)),
    oursP99Ms: median(ours.map(({ p99Ms }) => p99Ms)),
    peerP99Ms: median(peer.map(({ p99Ms }) => p99Ms)),
  };
}

/** Gives the lines as a Markdown table, its columns aligned. */
export function encodeTable(lines: readonly Line[], peerName: string): string {
  const heading = ['figure', 'connections', 'unit', 'Dockchains', peerName, 'ratio', 'target', 'met'];
  const rows = lines.map((line) => [
    ...[line.figure, String(line.connections), line.unit, rounded(line.ours), rounded(line.peer)],
    ...[line.ratio.toFixed(2), `≥ ${line.target}`, line.ratio >= line.target ? 'yes' : 'no'],
    `${line.oursP50Ms.toFixed(1)} / ${line.peerP50Ms.toFixed(1)}`,
    `${line.oursP99Ms.toFixed(1)} / ${line.peerP99Ms.toFixed(1)}`,
  ]);
  return encodeMarkdown([...heading, 'p50 ms', 'p99 ms'], rows, [0, 2, 7]);
}

/** Gives the readings as a Markdown table. */
export function encodeReadings(readings: readonly Reading[], peerName: string): string {
  const rows = readings.map((reading) => [
    ...[reading.figure, reading.unit, rounded(reading.ours)],
    reading.peer === undefined ? '' : rounded(reading.peer),
    ...(reading.bound === undefined
      ? ['', '']
      : [encodeBound(reading.bound), keepsBound(reading) ? 'yes' : 'no']),
  ]);
  return encodeMarkdown(['figure', 'unit', 'Dockchains', peerName, 'target', 'met'], rows, [0, 1, 5]);
}

const encodeBound = (bound: NonNullable<Reading['bound']>): string =>
  'atMost' in bound ? `≤ ${bound.atMost}` : `≥ ${bound.atLeast}`;

function encodeMarkdown(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  textColumns: readonly number[],
): string {
  const isText = (column: number): boolean => textColumns.includes(column);
  const widths = heading.map((_, column) =>
    Math.max(...[heading, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const encodeRow = (cells: readonly string[]): string =>
    `| ${cells
      .map((cell, column) =>
        isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join(' | ')} |`;
  const rule = widths.map((width, column) =>
    isText(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [encodeRow(heading), `| ${rule.join(' | ')} |`, ...rows.map(encodeRow)].join('\n');
}

/** What a run found. */
export interface Results {
  readonly comparisons: readonly { readonly peer: string; readonly lines: readonly Line[] }[];
  readonly readings: readonly Reading[];
}

/** Writes the results with what they were measured on to `bench/results/<time>.json` and gives its path. */
export async function writeResults(results: Results, at: Date): Promise<string> {
  const folder = join(import.meta.dirname, 'results');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${at.toISOString().replaceAll(':', '-')}.json`);
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    loadAverages: loadavg(),
    node: process.version,
  };
  await writeFile(path, JSON.stringify({ at: at.toISOString(), machine, ...results }, undefined, 2));
  return path;
}

/** Gives the middle of the values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = NaN, high = NaN] = [sorted[sorted.length % 2 === 1 ? middle : middle - 1], sorted[middle]];
  return (low + high) / 2;
}

const rounded = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
