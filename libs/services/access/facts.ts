import { type Queryable, shareLookups, type Statement } from '@dockchains/database';

import type { Facts } from './decide.ts';
import { isPattern } from './glob.ts';
import { type Action, actionsGranting } from './principal.ts';

/** Reads what a decision rests on; never older than the call. */
export type FactsLookup = (
  principalId: string | undefined,
  action: Action,
  repository: string,
) => Promise<Facts>;

const READ: Statement = {
  name: 'access_read_facts',
  text: `SELECT a.id IS NOT NULL AND a.disabled_at IS NULL AS active, r.visibility,
           ARRAY(SELECT p.pattern FROM policy p
                 WHERE p.principal_id = w.principal AND p.actions && string_to_array(w.granting, ',')) AS patterns
         FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS w(principal, repository, granting, ordinal)
         LEFT JOIN account a ON a.id = w.principal
         LEFT JOIN repository r ON r.name = w.repository
         ORDER BY w.ordinal`,
};

type Wanted = { principalId: string | null; repository: string; granting: string };

/** Opens the look-up: one statement at a time, shared by the decisions that wait for it. */
export function openFactsLookup(database: Queryable): FactsLookup {
  const find = shareLookups<Wanted, Facts>((wanted) =>
    database.query<Facts>(READ, [
      wanted.map(({ principalId }) => principalId),
      wanted.map(({ repository }) => repository),
      wanted.map(({ granting }) => granting),
    ]),
  );
  return (principalId, action, repository) =>
    find({
      principalId: principalId ?? null,
      // What can be no name, such as one with a NUL, would fail the statement for all who share it.
      repository: isPattern(repository) ? repository : '',
      granting: actionsGranting(action).join(','),
    });
}
