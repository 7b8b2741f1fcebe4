import type { Access } from '@dockchains/access';
import type { Queryable, Statement, Transaction } from '@dockchains/database';
import { OciError, type RepositoryName } from '@dockchains/oci';

import { nameUnknown } from './unknown.ts';

/** How visible a repository is: it names the ledger of its records. */
export type Visibility = 'public' | 'protected' | 'private';

const FIND: Statement = {
  name: 'registry_find_repository',
  text: 'SELECT id, visibility FROM repository WHERE name = $1',
};
const FIND_LOCKED: Statement = {
  name: 'registry_find_repository_locked',
  text: 'SELECT id FROM repository WHERE name = $1 FOR KEY SHARE',
};
const CREATE: Statement = {
  name: 'registry_create_repository',
  text: 'INSERT INTO repository (name, visibility) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING id',
};

/** Finds a repository's row id and visibility. */
export async function findRepository(
  database: Queryable,
  name: RepositoryName,
): Promise<{ id: number; visibility: Visibility } | undefined> {
  const [row] = await database.query<{ id: number; visibility: Visibility }>(FIND, [name]);
  return row;
}

/** Gives a repository's row id and visibility. @throws OciError NAME_UNKNOWN */
export async function getRepository(
  database: Queryable,
  name: RepositoryName,
): Promise<{ id: number; visibility: Visibility }> {
  const found = await findRepository(database, name);
  if (found === undefined) throw nameUnknown(name);
  return found;
}

/**
 * Gives the visibility that a repository has, or will have when it is created (design: no rule, no repository).
 * @throws OciError DENIED if it does not exist and no namespace rule covers its name
 */
export async function getVisibility(
  { database, access }: { database: Queryable; access: Access },
  name: RepositoryName,
): Promise<Visibility> {
  const visibility =
    (await findRepository(database, name))?.visibility ?? (await access.findVisibility(name));
  if (visibility !== undefined) return visibility;
  throw new OciError(
    'DENIED',
    'No namespace rule allows a repository of this name: ask an operator of the registry to add one.',
  );
}

/** Gives the row id of a repository, creating it if it is not there; it can't be removed before the transaction ends. */
export async function ensureRepository(
  transaction: Transaction,
  name: RepositoryName,
  visibility: Visibility,
): Promise<number> {
  const [found] = await transaction.query<{ id: number }>(FIND_LOCKED, [name]);
  if (found !== undefined) return found.id;
  const [created] = await transaction.query<{ id: number }>(CREATE, [name, visibility]);
  if (created !== undefined) return created.id;
  // Created by another transaction meanwhile, which has committed: the insert waited for it.
  const [other] = await transaction.query<{ id: number }>(FIND_LOCKED, [name]);
  if (other !== undefined) return other.id;
  throw new OciError('NAME_UNKNOWN', 'The repository was removed while it was written to: try again.');
}
