import { getIntrospectionQuery } from 'graphql';
import { startGateway, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ask } from './session.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway();
});

afterAll(() => gateway.close());

const post = (body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  fetch(`${gateway.url}/graphql`, { method: 'POST', headers, body });

const entries = 'nodes { id kind index state entry statement proof }';

describe('an operation is refused before it is executed', () => {
  test.each([
    {
      name: 'of depth 30',
      query: `{ ledger(origin: "a") { entries { edges { node ${'{ edges { node '.repeat(13)} { id } ${'} }'.repeat(13)} } } } }`,
      code: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      name: 'with 1,000 aliases',
      query: `{ ${Array.from({ length: 1000 }, (_, n) => `a${n}: __typename`).join(' ')} }`,
      code: 'GRAPHQL_PARSE_FAILED',
    },
    {
      name: 'with 60 aliases',
      query: `{ ${Array.from({ length: 60 }, (_, n) => `a${n}: _service { sdl }`).join(' ')} }`,
      code: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      name: 'with 30 directives',
      query: `{ __typename ${'@a '.repeat(30)} }`,
      code: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      name: 'with pages in pages',
      query: '{ repositories(first: 100) { nodes { tags(first: 100) { nodes { name } } } } }',
      code: 'QUERY_TOO_COSTLY',
    },
    {
      name: 'of fragments that multiply',
      query: `{ ...f0 } ${Array.from({ length: 40 }, (_, n) => `fragment f${n} on Query { ...f${n + 1} ...f${n + 1} }`).join(' ')} fragment f40 on Query { __typename }`,
      code: 'QUERY_TOO_COSTLY',
    },
    {
      name: 'of fragments in a circle',
      query: '{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }',
      code: 'GRAPHQL_VALIDATION_FAILED',
    },
    { name: 'of another schema', query: '{ nothing }', code: 'GRAPHQL_VALIDATION_FAILED' },
    { name: 'that is none', query: '{', code: 'GRAPHQL_PARSE_FAILED' },
    {
      name: 'of types in types in types',
      query: `{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }`,
      code: 'GRAPHQL_VALIDATION_FAILED',
    },
  ])('$name', async ({ query, code }) => {
    const { status, codes, data } = await ask(gateway, query);
    expect([status, data]).toEqual([400, undefined]);
    expect(codes).toContain(code);
  });

  test('whose variables make it costly', async () => {
    const page = `query ($n: Int!) { ledger(origin: "a") { entries(first: $n) { ${entries} } } }`;
    expect((await ask(gateway, page, { variables: { n: 100 } })).codes).toEqual([]);
    const many = `query ($of: [_Any!]!) { _entities(representations: $of) { ... on Record { id kind proof } } }`;
    const of = Array.from({ length: 500 }, () => ({ __typename: 'Record', id: '0'.repeat(32) }));
    expect((await ask(gateway, many, { variables: { of } })).codes).toEqual(['QUERY_TOO_COSTLY']);
  });
});

describe('a request is refused', () => {
  test('with a body of a megabyte', async () => {
    const response = await post(JSON.stringify({ query: `{ __typename } # ${'x'.repeat(1_000_000)}` }));
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'PAYLOAD_TOO_LARGE' } }] });
  });

  test.each([
    {
      name: 'of text',
      body: '{"query":"{ __typename }"}',
      headers: { 'content-type': 'text/plain' },
      status: 415,
    },
    {
      name: 'of a form',
      body: 'query=x',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      status: 415,
    },
    { name: 'of no JSON', body: '{', headers: { 'content-type': 'application/json' }, status: 400 },
    {
      name: 'of several operations',
      body: '[{"query":"{ __typename }"}]',
      headers: { 'content-type': 'application/json' },
      status: 400,
    },
  ])('$name', async ({ body, headers, status }) => {
    const response = await post(body, headers);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  });
});

test('introspection is answered', async () => {
  const { status, codes } = await ask(gateway, getIntrospectionQuery());
  expect([status, codes]).toEqual([200, []]);
});

test('the cost of a whole page of proofs is allowed', async () => {
  const query = `{ ledger(origin: "acme.example/ledger/public") { entries(first: 100) { edges { cursor } ${entries} } } }`;
  expect((await ask(gateway, query)).codes).toEqual([]);
});

test('the explorer loads nothing that the gateway does not serve', async () => {
  const page = await fetch(`${gateway.url}/graphql`);
  const html = await page.text();
  const links = [...html.matchAll(/(?:src|href)="(\/[^"]*)"/g)].map(([, link]) => link ?? '');

  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(page.headers.get('content-security-policy')).not.toMatch(/unsafe|http|\*/);
  expect(html).not.toMatch(/<script>|<style|https?:/);
  expect(links).toHaveLength(6);
  for (const link of links) {
    const response = await fetch(`${gateway.url}${link}`);
    const type = link.endsWith('.css') ? 'text/css; charset=utf-8' : 'text/javascript; charset=utf-8';
    expect([response.status, response.headers.get('content-type')]).toEqual([200, type]);
    expect(response.headers.get('cache-control')).toContain('immutable');
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(100);
  }
  expect((await fetch(`${gateway.url}/graphql/explorer/package.json`)).status).toBe(404);
});
