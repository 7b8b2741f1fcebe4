import type { ClientBase } from 'pg';

/** What a database is before a test has it: its tables, and a hash over all that a test might leave otherwise. */
export interface Shape {
  readonly tables: readonly string[];
  /** The rows that migrations made, as JSON, by table; and where they left the sequences, as SQL. */
  readonly rows: Readonly<Record<string, string>>;
  readonly rewind: string;
  readonly hash: string;
}

const HISTORY = '_prisma_migrations';
// What was larger once keeps its files, and is slower for the tests to come.
const MAX_BYTES = 64 * 2 ** 20;

const END_OTHERS = `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()`;
const LIST_TABLES = `SELECT relname AS name FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname`;
const LIST_REWINDS = `SELECT format('SELECT setval(%L, %s, %L)', format('%I.%I', schemaname, sequencename),
    COALESCE(last_value, start_value), last_value IS NOT NULL) AS rewind FROM pg_sequences`;
const DESCRIBE = `SELECT md5(string_agg(line, E'\\n' ORDER BY line)) AS hash,
    pg_database_size(current_database()) <= ${MAX_BYTES} AS "isSmall"
  FROM (
    SELECT format('%s %s', relname, relkind) AS line FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT format('%s %s %s %s', attrelid::regclass, attname, atttypid, attnotnull) FROM pg_attribute
      JOIN pg_class c ON c.oid = attrelid WHERE c.relnamespace = 'public'::regnamespace AND attnum > 0
    UNION ALL SELECT format('%s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT format('%s %s', tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT format('%s %s', proname, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT format('%s %s', migration_name, checksum) FROM "${HISTORY}"
  ) AS lines`;

/** Describes a database that no test has used yet. */
export async function describeShape(client: ClientBase): Promise<Shape> {
  const tables = await listTables(client);
  const { rows: rewinds } = await client.query<{ rewind: string }>(LIST_REWINDS);
  const rows = await readRows(client, tables);
  const rewind = rewinds.map((row) => row.rewind).join(';\n');
  return { tables, rows, rewind, hash: await hashOf(client, rows) };
}

/**
 * Makes a database as it was before a test used it: others' connections ended, tables and rows gone that were not there,
 * sequences at their start. False if it is another all the same, or has become large: then it must not be used again.
 */
export async function wipe(client: ClientBase, { tables, rows, rewind, hash }: Shape): Promise<boolean> {
  await client.query(END_OTHERS);
  const added = (await listTables(client)).filter((name) => !tables.includes(name));
  const statements = [
    'SET session_replication_role = replica', // neither triggers nor foreign keys have a say
    ...added.map((name) => `DROP TABLE IF EXISTS ${quote(name)} CASCADE`),
    ...tables.filter((name) => name !== HISTORY).map((name) => `DELETE FROM ${quote(name)}`),
    ...Object.entries(rows).map(
      ([name, json]) => `INSERT INTO ${quote(name)} OVERRIDING SYSTEM VALUE
        SELECT * FROM json_populate_recordset(NULL::${quote(name)}, ${client.escapeLiteral(json)})`,
    ),
    rewind,
  ];
  try {
    await client.query(statements.join(';\n'));
  } catch {
    return false; // a table is gone, or not one any more
  }
  return (await hashOf(client, await readRows(client, tables))) === hash;
}

async function listTables(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(LIST_TABLES);
  return rows.map(({ name }) => name);
}

/** All rows by table, of those that have any. */
async function readRows(client: ClientBase, tables: readonly string[]): Promise<Shape['rows']> {
  const each = tables
    .filter((name) => name !== HISTORY)
    .map(
      (name) =>
        `SELECT ${client.escapeLiteral(name)} AS name, json_agg(t)::text AS json FROM ${quote(name)} AS t`,
    );
  const { rows } = await client.query<{ name: string; json: string | null }>(each.join('\nUNION ALL '));
  return Object.fromEntries(rows.flatMap(({ name, json }) => (json === null ? [] : [[name, json]])));
}

/** Over the catalog, its size, and the rows. */
async function hashOf(client: ClientBase, rows: Shape['rows']): Promise<string> {
  const { rows: catalog } = await client.query<{ hash: string; isSmall: boolean }>(DESCRIBE);
  return JSON.stringify([catalog[0], rows]);
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
