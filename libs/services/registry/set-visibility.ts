import type { Principal } from '@dockchains/access';
import type { Statement, Transaction } from '@dockchains/database';
import { OciError, type RepositoryName } from '@dockchains/oci';
import type { LedgerRecord } from '@dockchains/records';

import type { RegistryDeps } from './deps.ts';
import { newRecordId } from './record-id.ts';
import { type CommonFacts, recordManifests, recordTags, type Retelling } from './retell-repository.ts';
import { getRepository, type Visibility } from './repositories.ts';
import { WHOLE_LOCK } from './repository-lock.ts';
import { retryConflicts } from './transact.ts';

/** Who makes a repository how visible. */
export interface SetVisibility {
  readonly principal: Principal;
  readonly repository: RepositoryName;
  readonly visibility: Visibility;
}

/** How many manifests and tags are on record anew; none if the repository was as visible before. */
export interface VisibilityChanged {
  readonly manifests: number;
  readonly tags: number;
}

// What one transaction writes anew while pushes to the repository wait.
const MAX_NAMES = 100_000;

const WAIT: Statement = { name: 'registry_wait_for_pushes', text: `SELECT ${WHOLE_LOCK}` };
const LOCK: Statement = {
  name: 'registry_lock_repository_whole',
  text: 'SELECT id, visibility FROM repository WHERE id = $1 FOR UPDATE',
};
const COUNT: Statement = {
  name: 'registry_count_names',
  text: `SELECT (SELECT count(*) FROM (SELECT FROM manifest WHERE repository_id = $1 LIMIT $2) AS m)
           + (SELECT count(*) FROM (SELECT FROM tag WHERE repository_id = $1 LIMIT $2) AS t) AS names`,
};
const SET: Statement = {
  name: 'registry_set_visibility',
  text: 'UPDATE repository SET visibility = $2 WHERE id = $1',
};

/**
 * Makes a repository public or private (design: Visibility changes). Its current manifests, referrers and tags go on record
 * anew in the ledger of its new visibility; the public ledger is told when it loses the repository, and a private scope
 * ends with it. All of it is one transaction behind the pushes under way; those that come meanwhile wait, and are recorded
 * in the new ledger.
 * @throws AccessError; OciError NAME_UNKNOWN, UNSUPPORTED if it would be protected or holds over 100,000 manifests and tags,
 *   TOOMANYREQUESTS; LedgerError FROZEN, BUSY
 */
export async function setVisibility(deps: RegistryDeps, request: SetVisibility): Promise<VisibilityChanged> {
  const { principal, repository, visibility } = request;
  await deps.access.require(principal, 'admin', repository);
  if (visibility === 'protected') {
    throw new OciError('UNSUPPORTED', 'There is no protected ledger yet: choose public or private.');
  }
  const changed = await retryConflicts(async () => {
    const { id, visibility: before } = await getRepository(deps.database, repository);
    if (before === visibility) return { manifests: 0, tags: 0 };
    // What the ledgers need is opened now, and not behind the repository's lock.
    await deps.ledgers.of(visibility).prepare({ name: repository }, []);
    return deps.database.transaction((transaction) => change(deps, transaction, { ...request, id }));
  });
  for (const ledger of deps.ledgers.all) ledger.wake();
  return changed;
}

async function change(
  deps: RegistryDeps,
  transaction: Transaction,
  { principal, repository, visibility, id }: SetVisibility & { readonly id: number },
): Promise<VisibilityChanged> {
  await transaction.query(WAIT, [id]);
  const [row] = await transaction.query<{ id: number; visibility: Visibility }>(LOCK, [id]);
  if (row === undefined || row.visibility === visibility) return { manifests: 0, tags: 0 };
  const [count] = await transaction.query<{ names: bigint }>(COUNT, [row.id, MAX_NAMES + 1]);
  if ((count?.names ?? 0n) > MAX_NAMES) {
    throw new OciError(
      'UNSUPPORTED',
      `The repository holds more than ${MAX_NAMES} manifests and tags: delete some, or push them to another one.`,
    );
  }

  const place = { id: row.id, name: repository };
  const at = deps.clock();
  const common = (): CommonFacts => ({
    organisation: deps.organisation,
    repository,
    recordId: newRecordId(deps.randomBytes),
    ...(principal.id !== undefined && { principal: principal.id }),
    time: at.toISOString(),
  });
  if (row.visibility === 'public') {
    const withdrawn: LedgerRecord = { kind: 'repository-withdrawn', ...common() };
    const ledger = deps.ledgers.public;
    await ledger.append(transaction, await ledger.prepare(place, [withdrawn]));
  } else {
    await deps.ledgers.of(row.visibility).endScope(transaction, repository);
  }
  await transaction.query(SET, [row.id, visibility]);
  const retelling: Retelling = {
    transaction,
    repository: place,
    ledger: deps.ledgers.of(visibility),
    common,
  };
  return { manifests: await recordManifests(retelling), tags: await recordTags(retelling) };
}
