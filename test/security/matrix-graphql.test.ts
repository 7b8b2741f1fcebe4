import {
  buildClientSchema,
  getIntrospectionQuery,
  type GraphQLSchema,
  type IntrospectionQuery,
  isObjectType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { FIELDS, type FieldRow, MUTATIONS, QUERIES } from './matrix/graphql.ts';
import { isPaging, selectAll } from './matrix/selection.ts';
import {
  openWorld,
  OUTSIDERS,
  type PrincipalName,
  PRINCIPALS,
  REPOSITORIES,
  type Visibility,
  type World,
} from './matrix/world.ts';

type Root = 'Query' | 'Mutation';

interface Reply {
  readonly status: number;
  readonly data: Readonly<Record<string, unknown>> | null | undefined;
  /** Of the errors of the root fields; what lies below may need a wider token. */
  readonly codes: readonly string[];
  readonly text: string;
}

const INSIDERS: readonly PrincipalName[] = PRINCIPALS.filter((name) => !OUTSIDERS.includes(name));
const ROOTS: Readonly<Record<Root, Readonly<Record<string, FieldRow>>>> = {
  Query: QUERIES,
  Mutation: MUTATIONS,
};
const VISIBILITIES = Object.keys(REPOSITORIES) as Visibility[];

let world: World;
let schema: GraphQLSchema;

beforeAll(async () => {
  world = await openWorld();
  const { text } = await ask(getIntrospectionQuery(), undefined);
  schema = buildClientSchema((JSON.parse(text) as { data: IntrospectionQuery }).data);
});
afterAll(() => world.close());

async function ask(query: string, token: string | undefined): Promise<Reply> {
  const headers = { 'content-type': 'application/json' };
  const answer = await world.ask('POST', '/graphql', { token, headers, body: JSON.stringify({ query }) });
  const { data, errors = [] } = JSON.parse(answer.body) as {
    data?: Readonly<Record<string, unknown>> | null;
    errors?: { path?: readonly unknown[]; extensions: { code: string } }[];
  };
  // Introspection is read as JSON, all else is compared whole.
  const text = answer.body.includes('__schema') ? answer.body : JSON.stringify(answer);
  return {
    status: answer.status,
    data,
    codes: errors.filter(({ path = [] }) => path.length <= 1).map(({ extensions }) => extensions.code),
    text,
  };
}

function documentOf(kind: Root, name: string, row: FieldRow, repository: string): string {
  const type = kind === 'Query' ? schema.getQueryType() : schema.getMutationType();
  const field = type?.getFields()[name];
  if (field === undefined) throw new Error(`The schema has no ${kind}.${name}.`);
  const args = row.args?.(repository, world) ?? '';
  const selection =
    name === '_entities' ? '{ __typename ... on Artifact { id digest } }' : selectAll(schema, field);
  return `${kind.toLowerCase()} { ${name}${args === '' ? '' : `(${args})`} ${selection} }`;
}

const shapeOf = ({ text }: Reply, repository: string): string =>
  text.replaceAll(repository, 'NAME').replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID');

test('there is a row for each field', () => {
  const missing = Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .filter((type) => !type.name.startsWith('__') && !isPaging(type))
    .flatMap((type) => {
      const rows = ROOTS[type.name as Root] as Readonly<Record<string, FieldRow>> | undefined;
      const { given = [], anew = [] } = FIELDS[type.name] ?? {};
      const known = rows === undefined ? [...given, ...anew] : Object.keys(rows);
      return Object.keys(type.getFields())
        .filter((name) => !known.includes(name))
        .map((name) => `${type.name}.${name}`);
    });
  expect(missing).toEqual([]);
});

describe.each(Object.keys(ROOTS) as Root[])('%s', (kind) => {
  describe.each(PRINCIPALS)('%s', (principal) => {
    test.each(VISIBILITIES)('about a repository that is %s', async (visibility) => {
      const repository = REPOSITORIES[visibility];
      const token = await world.tokenOf(principal, repository);
      for (const [name, row] of Object.entries(ROOTS[kind])) {
        const reply = await ask(documentOf(kind, name, row, repository), token);
        expect({ name, ...outcomeOf(reply, name) }).toEqual({
          name,
          ...expectedOf(name, row, principal, visibility),
        });
      }
    });
  });
});

/** What matters of a reply: whether it was refused, and whether a single thing was found. */
function outcomeOf({ status, data, codes }: Reply, name: string) {
  const refusal = codes.find((code) => ['UNAUTHENTICATED', 'FORBIDDEN', 'INTERNAL'].includes(code));
  if (refusal !== undefined) return { status, refusal };
  return name === 'artifact' ? { status, found: (data?.[name] ?? null) !== null } : { status };
}

function expectedOf(name: string, { need }: FieldRow, principal: PrincipalName, visibility: Visibility) {
  const isDead = ['expired', 'revoked'].includes(principal) || principal.startsWith('forged');
  if (isDead) return { status: 401, refusal: 'UNAUTHENTICATED' };
  if (need === 'operator' && principal !== 'operator') {
    return { status: 200, refusal: principal === 'anonymous' ? 'UNAUTHENTICATED' : 'FORBIDDEN' };
  }
  if (name !== 'artifact') return { status: 200 };
  const mayPull = visibility === 'public' || INSIDERS.includes(principal);
  return { status: 200, found: mayPull && visibility !== 'absent' };
}

describe('hidden and absent are the same to the byte', () => {
  // So that no answer changes on its own between two questions.
  beforeAll(async () => {
    const query = '{ catalog { rebuilding ledgers { lag } } }';
    const settled = '{"catalog":{"rebuilding":false,"ledgers":[{"lag":"0"},{"lag":"0"}]}}';
    await vi.waitFor(async () => {
      expect(JSON.stringify((await ask(query, undefined)).data)).toBe(settled);
    }, 60_000);
  });

  test.each(OUTSIDERS)('to %s', async (principal) => {
    const { hidden, absent } = REPOSITORIES;
    const token = await world.tokenOf(principal, hidden);
    for (const kind of Object.keys(ROOTS) as Root[]) {
      for (const [name, row] of Object.entries(ROOTS[kind])) {
        const one = await ask(documentOf(kind, name, row, hidden), token);
        const other = await ask(documentOf(kind, name, row, absent), token);
        expect({ name, shape: shapeOf(one, hidden) }).toEqual({ name, shape: shapeOf(other, absent) });
      }
    }
  });

  test('in all that everybody may ask for', async () => {
    const { digest } = world.secret.descriptor;
    for (const principal of OUTSIDERS) {
      const token = await world.tokenOf(principal, REPOSITORIES.public);
      for (const name of ['repositories', 'artifacts', 'ledger', 'search']) {
        const row = QUERIES[name];
        if (row === undefined) throw new Error(`There is no row for ${name}.`);
        const about = name === 'search' ? 'app' : REPOSITORIES.public;
        const { text } = await ask(documentOf('Query', name, row, about), token);
        expect(text).not.toContain('hidden/');
        expect(text).not.toContain(digest);
      }
    }
  });

  test('in the records of what was pushed there, asked for by their ids', async () => {
    const path = `/v2/${REPOSITORIES.hidden}/_oci/tag-history/1.0`;
    const history = await world.ask('GET', path, {
      token: await world.tokenOf('reader', REPOSITORIES.hidden),
    });
    const [, recordId = ''] = /"org\.dockchains\.record":"([0-9a-f]{32})"/.exec(history.body) ?? [];
    const query = (id: string): string =>
      `{ record(id: "${id}") { id kind index state entry statement proof } }`;
    expect(recordId).toMatch(/^[0-9a-f]{32}$/);
    for (const principal of OUTSIDERS) {
      const token = await world.tokenOf(principal, REPOSITORIES.hidden);
      const [one, other] = [await ask(query(recordId), token), await ask(query('0'.repeat(32)), token)];
      expect({ principal, shape: shapeOf(one, recordId) }).toEqual({
        principal,
        shape: shapeOf(other, '0'.repeat(32)),
      });
    }
    const { data } = await ask(query(recordId), await world.tokenOf('reader', REPOSITORIES.hidden));
    expect(data?.record).toMatchObject({ id: recordId, kind: 'tag-set' });
  });

  test('and not to a reader, who sees what is there', async () => {
    const token = await world.tokenOf('reader', REPOSITORIES.hidden);
    const seen = [];
    for (const name of ['repositories', 'artifacts']) {
      const row = QUERIES[name];
      if (row === undefined) throw new Error(`There is no row for ${name}.`);
      seen.push((await ask(documentOf('Query', name, row, REPOSITORIES.hidden), token)).text);
    }
    const found = '{ search(text: "hidden") { matches nodes { name } } }';
    seen.push((await ask(found, token)).text);
    expect(seen[0]).toContain(REPOSITORIES.hidden);
    expect(seen[1]).toContain(world.secret.descriptor.digest);
    expect(seen[2]).toContain(REPOSITORIES.hidden);
  });
});
