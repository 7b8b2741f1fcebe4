import type { Ledger, PreparedEntry } from '@dockchains/ledger';
import type { LedgerRecord, RecordId } from '@dockchains/records';

import type { RegistryDeps } from './deps.ts';
import { contentMissing } from './lease-manifest.ts';
import { lockPushBase, type Push, type PushBase } from './push-base.ts';
import { describeMove, describePublication } from './push-records.ts';
import { newRecordId } from './record-id.ts';
import { getRepository } from './repositories.ts';
import { retryConflicts } from './transact.ts';
import { type PushWriter, putAlone } from './write-pushes.ts';

/** What a push wrote: `recordId` is that of the first tag's last move, without tags that of the publication. */
export interface Written {
  readonly recordId: RecordId;
  /** Of all the records that the push rests on, new or there before. */
  readonly recordIds: readonly RecordId[];
  /** The repository's, whose entries are new. */
  readonly ledger: Ledger;
  readonly prepared: readonly PreparedEntry[];
}

/**
 * Writes a push in one statement, provided that all is as in `base`; else locks what the push is about, reads it anew and
 * writes behind the locks. Five attempts in all.
 * @throws OciError MANIFEST_BLOB_UNKNOWN, TOOMANYREQUESTS; AccessError; LedgerError FROZEN, BUSY
 */
export function writePush(deps: RegistryDeps, push: Push, base: PushBase): Promise<Written> {
  return retryConflicts(async (attempt) => {
    if (attempt === 1) return tryWrite(deps, deps.putPush, push, base);
    // What the ledger needs is opened now: within the transaction, others would wait for its locks meanwhile.
    const { visibility } = await getRepository(deps.database, push.repository.name);
    await deps.ledgers.of(visibility).prepare(push.repository, []);
    return deps.database.transaction(async (transaction) => {
      const base = await lockPushBase(transaction, push);
      // A tag that was new has come to be meanwhile, perhaps: to move it is another right, and it may be immutable.
      push.requireRights(base.tags);
      return tryWrite(deps, (row) => putAlone(transaction, row), push, base);
    });
  });
}

async function tryWrite(
  { ledgers, randomBytes }: RegistryDeps,
  put: PushWriter,
  push: Push,
  base: PushBase,
): Promise<Written> {
  const { facts, repository, tags } = push;
  const { digest, manifest, size, time } = facts;
  const { visibility, known } = base;
  const recordId = known?.recordId ?? newRecordId(randomBytes);
  const moves = tags.map((name) => {
    const there = base.tags.get(name);
    const stays = there?.digest === digest;
    return {
      name,
      stays,
      previous: there?.digest,
      recordId: stays ? there.recordId : newRecordId(randomBytes),
    };
  });
  const records: LedgerRecord[] = [
    ...(known === undefined ? describePublication(facts, recordId, () => newRecordId(randomBytes)) : []),
    ...moves.filter(({ stays }) => !stays).map((move) => describeMove(facts, move)),
  ];
  const ledger = ledgers.of(visibility);
  const written = {
    recordId: moves[0]?.recordId ?? recordId,
    recordIds: [recordId, ...moves.map((move) => move.recordId)],
    ledger,
  };
  if (records.length === 0 && known?.hasReferences === true) return { ...written, prepared: [] };

  const prepared = await ledger.prepare(repository, records);
  const missing = await put({
    ...{ repositoryId: repository.id, visibility, digest, manifest, size, time, known, recordId },
    ...{ tags: moves, queue: ledger.queueParameters(prepared), prepared },
  });
  if (missing !== undefined) throw contentMissing(missing);
  return { ...written, prepared };
}
