import { createHash } from 'node:crypto';

import { findClosingFile, writeClosingFile } from '@dockchains/keys';
import { type LedgerRecord, parseRecordId } from '@dockchains/records';
import { type Origin, parseOrigin } from '@dockchains/tlog';
import { z } from 'zod';

import type { LedgerName } from './ledgers.ts';

const RECORD_ID_DIGITS = 32;
const MAX_SUCCESSORS = 999;
// The first of a line has no number.
const LINE = /^(.*\/ledger\/[^/]+)(?:\/([0-9]+))?$/;

const decimal = z.string().regex(/^(?:0|[1-9][0-9]{0,18})$/);
const closingSchema = z.object({
  origin: z.string().max(255),
  successor: z.string().max(255),
  /** How many entries it is known to have had. */
  size: decimal,
  /** How many of them are still there. */
  kept: decimal,
  at: z.iso.datetime({ precision: 3 }),
});

/** That a ledger ended because entries of it were lost, as it is kept beside the keys. */
export type LedgerClosing = Readonly<z.output<typeof closingSchema>>;

/** The ledgers of an organisation that were closed under a name, in their order, and the one that goes on. */
export async function findLedgerLine(
  keysDirectory: string,
  organisation: string,
  name: LedgerName,
): Promise<{ readonly current: Origin; readonly closed: readonly LedgerClosing[] }> {
  const first = parseOrigin(`${organisation}/ledger/${name}`);
  const closed: LedgerClosing[] = [];
  let current = first;
  for (let number = 2; number <= MAX_SUCCESSORS; number += 1) {
    const text = await findClosingFile(keysDirectory, current);
    if (text === undefined) break;
    closed.push(closingSchema.parse(JSON.parse(text)));
    current = parseOrigin(`${first}/${number}`);
  }
  return { current, closed };
}

/** The origin of the ledger that follows one. */
export function successorOf(origin: Origin): Origin {
  const [, first = origin, number = '1'] = LINE.exec(origin) ?? [];
  return parseOrigin(`${first}/${Number(number) + 1}`);
}

/** Closes a ledger for good: from the next start on its successor takes the records. Nothing of it is removed. */
export async function closeLedger(keysDirectory: string, closing: LedgerClosing): Promise<void> {
  const text = `${JSON.stringify(closingSchema.parse(closing))}\n`;
  await writeClosingFile(keysDirectory, parseOrigin(closing.origin), text);
}

/** The public record of a closing; the same each time, so that it is recorded once. */
export function closingRecord(closing: LedgerClosing, organisation: string): LedgerRecord {
  const { at, ...facts } = closing;
  const hash = createHash('sha256').update(JSON.stringify(closing)).digest('hex');
  const recordId = parseRecordId(hash.slice(0, RECORD_ID_DIGITS));
  return { kind: 'ledger-closed', organisation, recordId, time: at, ...facts };
}

/** The origins of the ledgers of which each was closed before the next began, the last of them before this one; at most 999, oldest first. */
export function predecessorsOf(origin: Origin): readonly Origin[] {
  const [, first = origin, number = '1'] = LINE.exec(origin) ?? [];
  const length = Math.min(Number(number) - 1, MAX_SUCCESSORS);
  return Array.from({ length }, (_, before) => parseOrigin(before === 0 ? first : `${first}/${before + 1}`));
}

/** What an origin's files are named by in the tile store, and which ledger it is: `public.2` and `public` for the second public one. */
export function namesOf(origin: Origin): { readonly files: string; readonly ledger: string } {
  const [, ledger = origin.slice(origin.lastIndexOf('/') + 1), number] =
    /\/ledger\/([^/]+)(?:\/([0-9]+))?$/.exec(origin) ?? [];
  return { ledger, files: number === undefined ? ledger : `${ledger}.${number}` };
}
