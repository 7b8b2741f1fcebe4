import { type DocumentNode, Kind, type OperationDefinitionNode, parse } from 'graphql';
import { expect, test } from 'vitest';

import { costOf } from './cost.ts';
import { buildSchema } from './schema.ts';

const schema = buildSchema();

function operationOf({ definitions }: DocumentNode): OperationDefinitionNode {
  const operation = definitions.find((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  if (operation === undefined) throw new Error('The document has no operation.');
  return operation;
}

test.each([
  { name: 'a field', query: '{ record(id: "a") { id } }', cost: 2 },
  { name: 'a proof', query: '{ record(id: "a") { proof } }', cost: 11 },
  { name: 'a search', query: '{ search(text: "a", first: 5) { nodes { name } } }', cost: 500 + 5 * 2 },
  { name: 'heads', query: '{ undecidedHeads(first: 5) { nodes { origin } } }', cost: 100 + 5 * 2 },
  { name: 'their files', query: '{ undecidedHeads(first: 5) { nodes { file } } }', cost: 100 + 5 * 11 },
  { name: 'a page of the usual length', query: '{ repositories { nodes { name } } }', cost: 1 + 20 * 2 },
  { name: 'a page of a length', query: '{ repositories(first: 7) { nodes { name } } }', cost: 1 + 7 * 2 },
  {
    name: 'a page of a length in a variable',
    query: 'query ($n: Int!) { repositories(first: $n) { nodes { name } } }',
    cost: 1 + 9 * 2,
  },
  {
    name: 'a page of the length that a variable has by default',
    query: 'query ($m: Int! = 100) { repositories(first: $m) { nodes { name } } }',
    cost: 1 + 100 * 2,
  },
  { name: 'a page of no length', query: '{ repositories(first: -5) { nodes { name } } }', cost: 1 + 2 },
  {
    name: 'pages in a page',
    query: '{ repositories(first: 2) { nodes { tags(first: 3) { nodes { name } } } } }',
    cost: 1 + 2 * (1 + (1 + 3 * 2)),
  },
  {
    name: 'a fragment spread twice',
    query: '{ ...r ... on Query { ...r } } fragment r on Query { record(id: "a") { id } }',
    cost: 4,
  },
  {
    name: 'as many entities as are asked for',
    query: 'query ($of: [_Any!]!) { _entities(representations: $of) { ... on Record { id proof } } }',
    cost: 1 + 3 * 11,
  },
  { name: 'the names of types', query: '{ __typename record(id: "a") { __typename } }', cost: 3 },
  { name: 'introspection, at any depth', query: '{ __schema { types { name fields { name } } } }', cost: 1 },
])('$name costs $cost', ({ query, cost }) => {
  const document = parse(query);
  const variables = { n: 9, of: [{}, {}, {}] };
  expect(costOf({ schema, document, operation: operationOf(document), variables })).toBe(cost);
});

test('fragments that double forty times are counted in no time', () => {
  const doubling = Array.from(
    { length: 40 },
    (_, n) => `fragment f${n} on Query { ...f${n + 1} ...f${n + 1} }`,
  );
  const document = parse(`{ ...f0 } ${doubling.join(' ')} fragment f40 on Query { __typename }`);
  expect(costOf({ schema, document, operation: operationOf(document), variables: {} })).toBe(2 ** 40);
});
