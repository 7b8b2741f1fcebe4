import {
  ClientError,
  findMirroredProof,
  getArtifact,
  getRecord,
  type RecordStatus,
  type Session,
} from '@dockchains/client';
import { setTimeout as delay } from 'node:timers/promises';

import { CliError } from './errors.ts';
import type { Io } from './io.ts';
import { startProgress } from './progress.ts';

/** Where the proof of a record is asked for, again and again until it is there. */
type ProofSource = { readonly record: string; readonly find: () => Promise<string | undefined> };

const POLL_MS = 250;
const MAX_WAIT_SECONDS = 3600;

/**
 * Gets the proof of the record of what a reference names now, of the gateway's ledger or of another organisation's that it
 * mirrors, waiting at most `waitSeconds` for a record that is only just acknowledged to be published.
 * @throws ClientError of every code; TIMEOUT if it is not published by then
 */
export async function getProof(
  io: Io,
  session: Session,
  { reference, waitSeconds }: { reference: string; waitSeconds: number },
): Promise<string> {
  const { record, find } = await openProof(io, session, reference);
  const progress = startProgress(io);
  const deadline = io.clock().getTime() + waitSeconds * 1000;
  try {
    for (;;) {
      const proof = await find();
      if (proof !== undefined) return proof;
      if (io.clock().getTime() >= deadline) {
        throw new ClientError(
          'TIMEOUT',
          `The record ${record} of ${reference} is acknowledged but not published after ${waitSeconds} s. Try again later, or wait longer with --wait; "dockchains status" says whether the ledger is frozen.`,
        );
      }
      progress.update(`waiting for the ledger to publish record ${record}`);
      await delay(POLL_MS);
    }
  } finally {
    progress.stop();
  }
}

async function openProof(io: Io, session: Session, reference: string): Promise<ProofSource> {
  const { record, organisation, index } = await getArtifact(session, reference);
  if (record !== null) return { record: record.id, find: ownProof(session, record) };
  if (index === null) {
    throw new ClientError('NOT_FOUND', `${session.url} has no record of ${reference} in its ledger.`);
  }
  const find = () => findMirroredProof(io.fetch, { url: session.url, organisation, index });
  return { record: `at index ${index}`, find };
}

function ownProof(session: Session, record: RecordStatus): ProofSource['find'] {
  let known: RecordStatus | undefined = record;
  return async () => {
    const { proof } = known ?? (await getRecord(session, record.id));
    known = undefined;
    return proof ?? undefined;
  };
}

/**
 * Reads a `--wait` option: 0 to 3,600 seconds.
 * @throws CliError USAGE
 */
export function parseSeconds(text: string): number {
  const seconds = /^[0-9]{1,4}$/.test(text) ? Number(text) : Infinity;
  if (seconds <= MAX_WAIT_SECONDS) return seconds;
  throw new CliError('USAGE', `--wait takes 0 to ${MAX_WAIT_SECONDS} seconds, not "${text.slice(0, 20)}".`);
}
