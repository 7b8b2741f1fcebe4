import { printable } from '@dockchains/client';
import Table from 'cli-table3';

import type { ExitCode } from './errors.ts';

/** What a command gives: text for people, and the same for programs. */
export type Outcome = {
  /** Lines, the last without a line break. */
  readonly text: string;
  /** Plain JSON: indices and sizes of ledgers as decimal strings. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Other than 0 where the answer itself is bad news. */
  readonly exitCode?: ExitCode;
};

/** Lays out rows under a head, columns apart by two spaces and no lines: easy to read and to cut. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...head],
    chars: NO_LINES,
    style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [] },
  });
  table.push(...rows.map((row) => row.map((cell) => printable(cell, MAX_CELL))));
  return trimLines(table.toString());
}

/** Lays out facts one a line, names in a column of their own; undefined ones are left out. */
export function factsOf(facts: readonly (readonly [name: string, value: string | undefined])[]): string {
  const known = facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined);
  const width = Math.max(...known.map(([name]) => name.length));
  return known.map(([name, value]) => `${name.padEnd(width)}  ${printable(value, MAX_CELL)}`).join('\n');
}

const MAX_CELL = 2048;

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};

function trimLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
