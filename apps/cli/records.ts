import {
  type Artifact,
  ClientError,
  getArtifact,
  getRecord,
  type RecordStatus,
  type Session,
} from '@dockchains/client';
import { setTimeout as delay } from 'node:timers/promises';

import { CliError } from './errors.ts';
import type { Io } from './io.ts';
import { startProgress } from './progress.ts';

/** An artifact whose record is published, and the record's proof. */
export type ProvedArtifact = {
  readonly artifact: Artifact;
  readonly record: RecordStatus;
  readonly proof: string;
};

const POLL_MS = 250;
const MAX_WAIT_SECONDS = 3600;

/**
 * Gets what a reference names now with the proof of its record, waiting at most `waitSeconds` for the ledger to publish
 * a record that is only just acknowledged.
 * @throws ClientError of every code; TIMEOUT if it is not published by then
 */
export async function getProved(
  io: Io,
  session: Session,
  { reference, waitSeconds }: { reference: string; waitSeconds: number },
): Promise<ProvedArtifact> {
  const artifact = await getArtifact(session, reference);
  if (artifact.record === null) {
    throw new ClientError('NOT_FOUND', `${session.url} has no record of ${reference} in its ledger.`);
  }
  const progress = startProgress(io);
  const deadline = io.clock().getTime() + waitSeconds * 1000;
  try {
    for (let record = artifact.record; ; record = await getRecord(session, record.id)) {
      if (record.proof !== null) return { artifact, record, proof: record.proof };
      if (io.clock().getTime() >= deadline) {
        throw new ClientError(
          'TIMEOUT',
          `The record ${record.id} of ${reference} is acknowledged (${record.state.toLowerCase()}) but not published after ${waitSeconds} s. Try again later, or wait longer with --wait; "dockchains status" says whether the ledger is frozen.`,
        );
      }
      progress.update(
        `waiting for the ledger to publish record ${record.id} (${record.state.toLowerCase()})`,
      );
      await delay(POLL_MS);
    }
  } finally {
    progress.stop();
  }
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
