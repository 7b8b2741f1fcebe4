import { type Queryable, shareLookups, type Statement } from '@dockchains/database';

import type { Facts } from './decide.ts';
import { isPattern } from './glob.ts';
import { isAction, type Policy } from './principal.ts';

/** What {@link FACTS_COLUMNS} give of one principal and one repository. */
export type FactsRow = {
  readonly enabled: boolean;
  readonly expiresAt: Date | null;
  readonly generation: number | null;
  readonly visibility: string | null;
  /** Each a pattern, a space, and actions between commas. */
  readonly policies: readonly string[];
};

/**
 * The columns of a {@link FactsRow}, in a statement with {@link FACTS_JOINS}: for whoever reads what is asked for and the
 * facts of the decision at once.
 */
export const FACTS_COLUMNS = `a.id IS NOT NULL AND a.disabled_at IS NULL AS enabled, a.expires_at AS "expiresAt",
           a.generation, r.visibility,
           ARRAY(SELECT p.pattern || ' ' || array_to_string(p.actions, ',') FROM policy p
                 WHERE p.principal_id = a.id) AS policies`;

/**
 * Joins the account `a` and the repository `r`, if they are there, to what is wanted: `w`, with the columns `principal`
 * (null: anonymous) and `repository` (a name). LIMIT keeps PostgreSQL from hashing whole tables for a few rows, as a
 * plan made while they were small would.
 */
export const FACTS_JOINS = `LEFT JOIN LATERAL (SELECT * FROM account WHERE id = w.principal LIMIT 1) AS a ON true
         LEFT JOIN LATERAL (SELECT * FROM repository WHERE name = w.repository LIMIT 1) AS r ON true`;

/**
 * The facts as one text, equal where they are, in a query over `f`, which has the {@link FACTS_COLUMNS}: a statement that is told by which facts
 * its caller has decided writes only if they are still so.
 */
export const FACTS_TEXT = `ROW(f.enabled, f."expiresAt", f.generation, f.visibility, f.policies)::text`;

/** Reads what a decision rests on; never older than the call. */
export type FactsLookup = (principalId: string | undefined, repository: string) => Promise<FactsRow>;

const READ: Statement = {
  name: 'access_read_facts',
  text: `SELECT ${FACTS_COLUMNS}
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w(principal, repository, ordinal)
         ${FACTS_JOINS}
         ORDER BY w.ordinal`,
};

type Wanted = { principalId: string | null; repository: string };

/** Opens the look-up: one statement at a time, shared by the decisions that wait for it. */
export function openFactsLookup(database: Queryable): FactsLookup {
  const find = shareLookups<Wanted, FactsRow>({
    identify: ({ principalId, repository }) => `${principalId ?? ''} ${repository}`,
    lookUpAll: (wanted) =>
      database.query<FactsRow>(READ, [
        wanted.map(({ principalId }) => principalId),
        wanted.map(({ repository }) => repository),
      ]),
  });
  return (principalId, repository) =>
    find({
      principalId: principalId ?? null,
      // What can be no name, such as one with a NUL, would fail the statement for all who share it.
      repository: isPattern(repository) ? repository : '',
    });
}

/** Reads a row as of `now`: an account whose time is over is as good as disabled. */
export function readFacts(row: FactsRow, now: Date): Facts {
  const { enabled, expiresAt, generation, visibility, policies } = row;
  const active = enabled && (expiresAt === null || expiresAt.getTime() > now.getTime());
  return { active, generation: generation ?? 0, visibility, policies: policies.map(readPolicy) };
}

// What a text says never changes: it is read once, however many decisions meet it.
const MAX_READ = 4_000;
const read = new Map<string, Policy>();

const readPolicy = (text: string): Policy => {
  const known = read.get(text);
  if (known !== undefined) return known;
  const space = text.indexOf(' ');
  const actions = text
    .slice(space + 1)
    .split(',')
    .filter(isAction);
  const policy = { pattern: text.slice(0, space), actions };
  if (read.size >= MAX_READ) read.clear();
  read.set(text, policy);
  return policy;
};
