import { FACTS_COLUMNS, FACTS_JOINS, FACTS_TEXT } from '@dockchains/access';
import { type Database, type Parameter, shareCalls, type Statement } from '@dockchains/database';
import type { RepositoryName } from '@dockchains/oci';

import type { JudgedRow } from './judged-writes.ts';
import { PUSH_PACE_MS } from './push-base.ts';

/** What a principal writes at a time, by an id of its own kind; `known` are the facts by which that was judged. */
export interface JudgedCall {
  readonly id: string;
  readonly repository: RepositoryName;
  readonly principalId: string | undefined;
  readonly at: Date;
  readonly known: string;
}

/**
 * Begins a statement: `j` has the columns given, from `parameters`, `also` those that every call gets, and of each call `rid`, the facts and whether
 * they are the known ones.
 */
export const judging = (columns: string, parameters: string, also?: string): string => `
  f AS MATERIALIZED (
    SELECT w.*, r.id AS rid, ${FACTS_COLUMNS}${also === undefined ? '' : `, ${also}`}
    FROM unnest(${parameters}) WITH ORDINALITY AS w(id, repository, principal, at, known, ${columns}, n)
    ${FACTS_JOINS}),
  t AS MATERIALIZED (SELECT f.*, ${FACTS_TEXT} AS facts FROM f),
  j AS MATERIALIZED (SELECT t.*, t.facts = t.known AS judged FROM t)`;

/** The columns of a {@link JudgedRow}, in a statement that begins with {@link judging}. */
export const JUDGED = 'j.enabled, j."expiresAt", j.generation, j.visibility, j.policies, j.facts, j.judged';

/** The first of the parameters, as {@link shareJudged} gives them. */
export const COMMON = '$1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[]';

/** How a statement is called for many: its parameters behind the {@link COMMON} ones. */
interface JudgedStatement<Call> {
  readonly statement: Statement;
  readonly parametersOf: (calls: readonly Call[]) => Parameter[];
}

/** Makes a call of a statement with a row for each; those that are asked for at once share one. */
export function shareJudged<Call extends JudgedCall, Row extends JudgedRow>(
  database: Database,
  { statement, parametersOf }: JudgedStatement<Call>,
): (call: Call) => Promise<Row> {
  const callAll = (calls: readonly Call[]): Promise<Row[]> =>
    database.query<Row>(statement, [
      calls.map(({ id }) => id),
      calls.map(({ repository }) => repository),
      calls.map(({ principalId }) => principalId ?? null),
      calls.map(({ at }) => at),
      calls.map(({ known }) => known),
      ...parametersOf(calls),
    ]);
  const callOne = async (call: Call): Promise<Row> => {
    const [row] = await callAll([call]);
    if (row === undefined) throw new Error(`The statement ${statement.name} gave no row.`);
    return row;
  };
  return shareCalls({ paceMs: PUSH_PACE_MS, callOne, callAll });
}
