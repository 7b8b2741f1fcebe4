import { type Accepted, EMPTY_TREE, type Policy } from '@dockchains/tlog';

import { type AuditFinding, isFinding } from './audit-finding.ts';
import type { AuditState } from './audit-state.ts';
import { walkLog } from './audit-walk.ts';
import { verifyCheckpoint } from './checkpoint.ts';
import { ClientError } from './errors.ts';
import type { LogReader } from './log.ts';

/** What an audit found out. */
export type AuditResult =
  | {
      readonly status: 'good';
      readonly accepted: Accepted;
      /** Entries checked now, without those of earlier audits. */
      readonly audited: bigint;
      readonly state: AuditState;
    }
  | { readonly status: 'bad'; readonly finding: AuditFinding };

/** What to audit, and how. */
export type AuditOptions = {
  readonly reader: LogReader;
  readonly policy: Policy;
  /** Of an earlier audit: it goes on from there, and the log must extend what was audited then. */
  readonly resume?: AuditState | undefined;
  /** Called after each full bundle, with the number of entries that are checked. */
  readonly onProgress?: ((checked: bigint, size: bigint) => void) | undefined;
  /** Called every 64 bundles with a state to go on from. */
  readonly onState?: ((state: AuditState) => Promise<void>) | undefined;
};

const ENTRIES_PER_STATE = 64n * 256n;

/**
 * Re-derives a log from its entries and compares all that is stored with it: each bundle's leaf hashes with the tile of
 * level 0, every tile above, and the root with the signed one. Every entry must be a record of the log's organisation.
 * Memory stays flat, whatever the size of the log; so record ids are not compared with one another.
 * @throws ClientError if the log can't be read
 */
export async function auditLog({
  reader,
  policy,
  resume,
  onProgress,
  onState,
}: AuditOptions): Promise<AuditResult> {
  const accepted = acceptCheckpoint(await reader.readCheckpoint(), policy);
  if (isFinding(accepted)) return { status: 'bad', finding: accepted };
  const { origin, size, root } = accepted.checkpoint;
  const checkpoint = { size, root };

  if (resume !== undefined && resume.origin !== origin) {
    throw new ClientError(
      'REJECTED',
      `The state is of an audit of ${resume.origin}, and this log is ${origin}.`,
    );
  }
  if (resume !== undefined && size < resume.checkpoint.size) {
    return { status: 'bad', finding: rolledBack(resume.checkpoint.size, size) };
  }
  const start = resume ?? EMPTY_TREE;
  const tree = await walkLog({
    reader,
    checkpoint: accepted.checkpoint,
    start,
    earlier: resume?.checkpoint,
    onBundle: async (checked) => {
      onProgress?.(checked.size, size);
      if (checked.size % ENTRIES_PER_STATE > 0n) return;
      // One that is not reached yet is kept: if this audit is interrupted, the next must run through it.
      const isAhead = resume !== undefined && resume.checkpoint.size > checked.size;
      await onState?.({ ...checked, origin, checkpoint: isAhead ? resume.checkpoint : checkpoint });
    },
  });
  if (isFinding(tree)) return { status: 'bad', finding: tree };
  return {
    status: 'good',
    accepted,
    audited: size - start.size,
    state: { origin, size: tree.size, frontier: tree.frontier, tails: tree.tails, checkpoint },
  };
}

function acceptCheckpoint(note: Uint8Array, policy: Policy): Accepted | AuditFinding {
  try {
    return verifyCheckpoint(note, policy);
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return { code: 'BAD_CHECKPOINT', path: 'checkpoint', message: error.message };
  }
}

function rolledBack(before: bigint, now: bigint): AuditFinding {
  return {
    code: 'ROLLED_BACK',
    path: 'checkpoint',
    message: `The ledger had ${before} entries when it was audited before, and shows ${now} now: entries were withdrawn.`,
  };
}
