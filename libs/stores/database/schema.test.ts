import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createEmptyDatabase, type TestDatabase } from '@dockchains/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { migrate } from './migrate.ts';

/** The catalog's type of each Prisma type that the schema uses; `@db.X` overrides. */
const CATALOG_TYPES: Record<string, string> = {
  String: 'text',
  Int: 'integer',
  BigInt: 'bigint',
  Bytes: 'bytea',
  Json: 'jsonb',
  Boolean: 'boolean',
  'DateTime @db.Timestamptz(3)': 'timestamp(3) with time zone',
  'Int @db.SmallInt': 'smallint',
  'String[]': 'text[]',
  'Unsupported("tsvector")': 'tsvector',
};

interface Model {
  readonly table: string;
  readonly columns: Map<string, string>;
  /** Column lists of the primary key, unique constraints and indexes. */
  readonly keys: Set<string>;
}

const SCALARS = new Set([
  'String',
  'Int',
  'BigInt',
  'Bytes',
  'Json',
  'Boolean',
  'DateTime',
  'Unsupported("tsvector")',
]);

/** Reads models, columns and keys out of the schema's text. */
const readModels = (schema: string): Model[] =>
  [...schema.matchAll(/^model \w+ \{\n([\s\S]*?)^\}/gm)].map(([, body = '']) => {
    const names = new Map<string, string>();
    const columns = new Map<string, string>();
    const keys = new Set<string>();
    for (const line of body.split('\n')) {
      const [, field = '', type = '', list = '', optional = ''] =
        /^ {2}(\w+)\s+(\w+(?:\("\w+"\))?)(\[\])?(\?)?/.exec(line) ?? [];
      if (!SCALARS.has(type)) continue;
      const column = /@map\("(\w+)"\)/.exec(line)?.[1] ?? field;
      const native = /@db\.\w+(\(\d+\))?/.exec(line)?.[0];
      names.set(field, column);
      const prismaType = native === undefined ? type + list : `${type} ${native}`;
      // An array column is never required in Prisma; the catalog lets it be null.
      columns.set(
        column,
        `${CATALOG_TYPES[prismaType] ?? '?'}${optional === '?' || list === '[]' ? '' : ' not null'}`,
      );
      if (line.includes('@id')) keys.add(`primary ${column}`);
      if (line.includes('@unique')) keys.add(`unique ${column}`);
    }
    for (const [, kind = '', fields = ''] of body.matchAll(/@@(id|unique|index)\(\[([^\]]+)\]\)/g)) {
      const list = fields.split(',').map((field) => names.get(field.trim()) ?? field);
      keys.add(`${kind === 'id' ? 'primary' : kind} ${list.join(',')}`);
    }
    return { table: /@@map\("(\w+)"\)/.exec(body)?.[1] ?? '?', columns, keys };
  });

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createEmptyDatabase();
  await migrate(database.url);
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

/** Indexes over expressions are left out: the schema has no words for them. */
const readCatalog = async (table: string): Promise<Model> => {
  const columns = await client.query<{ name: string; type: string; required: boolean }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, attnotnull AS required
     FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
    [table],
  );
  const keys = await client.query<{ kind: string; columns: string }>(
    `SELECT CASE WHEN indisprimary THEN 'primary' WHEN indisunique THEN 'unique' ELSE 'index' END AS kind,
       (SELECT string_agg(attname, ',' ORDER BY n) FROM unnest(indkey) WITH ORDINALITY AS k (attnum, n)
          JOIN pg_attribute a ON a.attrelid = indrelid AND a.attnum = k.attnum) AS columns
     FROM pg_index WHERE indrelid = $1::regclass AND indexprs IS NULL`,
    [table],
  );
  return {
    table,
    columns: new Map(columns.rows.map((row) => [row.name, `${row.type}${row.required ? ' not null' : ''}`])),
    keys: new Set(keys.rows.map((row) => `${row.kind} ${row.columns}`)),
  };
};

test("Prisma's schema says of every table what the catalog says", async () => {
  const schema = await readFile(join(import.meta.dirname, '../../../prisma/schema.prisma'), 'utf8');
  const models = readModels(schema);
  expect(models.length).toBeGreaterThan(10);
  for (const model of models) expect(await readCatalog(model.table)).toEqual(model);
  const tables = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
       AND NOT relispartition AND relname <> '_prisma_migrations'`,
  );
  expect(new Set(tables.rows.map((row) => row.name))).toEqual(new Set(models.map((model) => model.table)));
});

test('migrations applied once are not applied again, also by gateways that start together', async () => {
  const fresh = await createEmptyDatabase();
  try {
    const applied = await Promise.all([migrate(fresh.url), migrate(fresh.url), migrate(fresh.url)]);
    expect(applied.map((names) => names.length).sort()).toEqual([0, 0, applied.flat().length]);
    expect(await migrate(fresh.url)).toEqual([]);
  } finally {
    await fresh.drop();
  }
});

test('a migration whose file changed after it was applied stops the start', async () => {
  await client.query(`UPDATE "_prisma_migrations" SET checksum = repeat('0', 64)`);
  await expect(migrate(database.url)).rejects.toMatchObject({ code: 'MIGRATION_CHANGED' });
});
