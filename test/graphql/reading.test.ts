import { parseRecord } from '@dockchains/records';
import { buildImage, startGateway, type TestGateway } from '@dockchains/testing';
import { hashLeaf, parsePolicy, parseProofFile, verifyProofFile } from '@dockchains/tlog';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';

import { ask, push } from './session.ts';

const ORIGIN = 'acme.example/ledger/public';
const TAGS = ['1.0', '1.1', '2.0', 'latest', 'next'];
const image = buildImage();
const other = buildImage();
const { digest } = image.descriptor;

let gateway: TestGateway;
const records = new Map<string, string>();

beforeAll(async () => {
  gateway = await startGateway({ env: { DOCKCHAINS_CHECKPOINT_INTERVAL_MS: '20' } });
  for (const tag of TAGS) {
    records.set(tag, await push(gateway, image, { repository: 'public/app', tag }));
  }
  await push(gateway, image, { repository: 'public/copy', tag: 'latest' });
  await push(gateway, other, { repository: 'public/other', tag: 'latest' });
  await published(records.get('next') ?? '');
});

afterAll(() => gateway.close());

const recordSchema = z.object({
  id: z.string(),
  kind: z.string(),
  origin: z.literal(ORIGIN),
  index: z.string(),
  state: z.literal('PUBLISHED'),
  entry: z.string(),
  statement: z.string(),
  proof: z.string(),
});

async function published(id: string): Promise<void> {
  await vi.waitFor(
    async () => {
      const { data } = await ask(gateway, `{ record(id: "${id}") { state } }`);
      expect(data).toEqual({ record: { state: 'PUBLISHED' } });
    },
    { timeout: 60_000 },
  );
}

describe('artifact', () => {
  const FIELDS = 'id repository digest mediaType size tag publishedAt record { id kind }';

  test.each([
    { reference: 'public/app:1.0', tag: '1.0' },
    { reference: 'public/app', tag: 'latest' },
    { reference: 'acme.example/public/app:2.0', tag: '2.0' },
  ])('is found by the reference $reference', async ({ reference, tag }) => {
    const { data, codes } = await ask(
      gateway,
      `query ($r: String) { artifact(reference: $r) { ${FIELDS} } }`,
      {
        variables: { r: reference },
      },
    );

    expect(codes).toEqual([]);
    expect(data).toEqual({
      artifact: {
        id: `public/app@${digest}`,
        repository: 'public/app',
        ...{ digest, mediaType: image.descriptor.mediaType, size: image.bytes.length, tag },
        publishedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
        record: { id: records.get(tag), kind: 'tag-set' },
      },
    });
  });

  test('is found by digest, with the record of its publication', async () => {
    const query = `query ($d: String) { artifact(digest: $d) { repository tag record { kind } } }`;
    expect((await ask(gateway, query, { variables: { d: digest } })).data).toEqual({
      artifact: { repository: 'public/app', tag: null, record: { kind: 'manifest-published' } },
    });
  });

  test('is found in every repository that has it, page by page', async () => {
    const query = `query ($d: String!, $after: String) {
      artifacts(digest: $d, first: 1, after: $after) { nodes { repository } pageInfo { hasNextPage endCursor } }
    }`;
    const pages = await collect(query, { d: digest }, 'artifacts', z.object({ repository: z.string() }));
    expect(pages.map(({ repository }) => repository)).toEqual(['public/app', 'public/copy']);
  });

  test.each([
    { name: 'no such tag', reference: 'public/app:nowhere' },
    { name: 'no such repository', reference: 'public/nothing:1.0' },
    { name: 'a namespace without a rule', reference: 'elsewhere/app:1.0' },
  ])('is null for $name', async ({ reference }) => {
    const query = 'query ($r: String) { artifact(reference: $r) { id } }';
    const answer = await ask(gateway, query, { variables: { r: reference } });
    expect([answer.data, answer.codes]).toEqual([{ artifact: null }, []]);
  });

  test.each([
    { name: 'both ways of naming', args: `reference: "public/app", digest: "${digest}"` },
    { name: 'no way of naming', args: 'reference: null' },
    { name: 'a bad reference', args: 'reference: "Public/App"' },
    { name: 'the reference of another host', args: 'reference: "globex.example/app:1.0"' },
    { name: 'a bad digest', args: 'digest: "sha256:00"' },
  ])('refuses $name', async ({ args }) => {
    expect((await ask(gateway, `{ artifact(${args}) { id } }`)).codes).toEqual(['BAD_USER_INPUT']);
  });
});

describe('record', () => {
  test('carries an entry and a proof that verify with the trust policy alone', async () => {
    const { data } = await ask(
      gateway,
      'query ($id: ID!) { record(id: $id) { id kind origin index state entry statement proof } }',
      { variables: { id: records.get('1.0') } },
    );
    const { record } = z.object({ record: recordSchema }).parse(data);
    const entry = Buffer.from(record.entry, 'base64');
    const policy = parsePolicy(await readFile(join(gateway.dataDir, 'keys', 'trust.policy'), 'utf8'));

    expect(entry.toString('utf8')).toBe(record.statement);
    expect(parseRecord(entry)).toMatchObject({ kind: 'tag-set', recordId: record.id, tag: '1.0', digest });
    const proof = parseProofFile(record.proof);
    expect(Buffer.from(proof.extra ?? []).equals(entry)).toBe(true);
    expect(verifyProofFile(proof, policy, hashLeaf(entry)).checkpoint.origin).toBe(ORIGIN);
  });

  test('is null for an id that no entry has, and refused for what is no id', async () => {
    expect((await ask(gateway, `{ record(id: "${'0'.repeat(32)}") { id } }`)).data).toEqual({ record: null });
    expect((await ask(gateway, '{ record(id: "1") { id } }')).codes).toEqual(['BAD_USER_INPUT']);
  });
});

describe('ledger', () => {
  test('shows its head and the checkpoint', async () => {
    const { data } = await ask(
      gateway,
      `{ ledger(origin: "${ORIGIN}") { origin verifierKey size publishedSize queued frozen checkpoint } }`,
    );
    expect(data).toEqual({
      ledger: {
        ...{ origin: ORIGIN, queued: 0, frozen: null },
        verifierKey: expect.stringContaining(`${ORIGIN}+`) as string,
        size: expect.stringMatching(/^[1-9]\d*$/) as string,
        publishedSize: expect.stringMatching(/^[1-9]\d*$/) as string,
        checkpoint: expect.stringContaining(`${ORIGIN}\n`) as string,
      },
    });
  });

  test('is null for another origin', async () => {
    expect((await ask(gateway, '{ ledger(origin: "globex.example/ledger/public") { size } }')).data).toEqual({
      ledger: null,
    });
  });

  test('gives all its entries once, in order, page by page', async () => {
    const query = `query ($after: String) {
      ledger(origin: "${ORIGIN}") {
        entries(first: 3, after: $after) { nodes { index kind state } pageInfo { hasNextPage endCursor } }
      }
    }`;
    const node = z.object({ index: z.string(), kind: z.string(), state: z.literal('PUBLISHED') });
    const entries = await collect(query, {}, 'ledger.entries', node);

    expect(entries.length).toBeGreaterThan(TAGS.length);
    expect(entries.map(({ index }) => index)).toEqual(entries.map((_, place) => `${place}`));
  });
});

describe('repositories', () => {
  test.each([
    { visibility: 'PUBLIC', names: ['public/app', 'public/copy', 'public/other'] },
    { visibility: 'PRIVATE', names: [] },
    { visibility: 'null', names: ['public/app', 'public/copy', 'public/other'] },
  ])('of visibility $visibility are listed alone', async ({ visibility, names }) => {
    const { data } = await ask(gateway, `{ repositories(visibility: ${visibility}) { nodes { name } } }`);
    expect(data).toEqual({ repositories: { nodes: names.map((name) => ({ name })) } });
  });

  test('are listed with their tags, page by page', async () => {
    const query = `query ($after: String) {
      repositories(first: 1, after: $after) {
        edges { cursor node { name } }
        nodes { name visibility createdAt tags { nodes { name digest recordId updatedAt record { id } } } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }`;
    const tag = z.object({
      name: z.string(),
      digest: z.string(),
      recordId: z.string(),
      record: z.object({ id: z.string() }),
    });
    const node = z.object({
      ...{ name: z.string(), visibility: z.literal('PUBLIC'), createdAt: z.iso.datetime() },
      tags: z.object({ nodes: z.array(tag) }),
    });
    const [app, ...others] = await collect(query, {}, 'repositories', node);

    expect(others.map(({ name }) => name)).toEqual(['public/copy', 'public/other']);
    expect(app?.tags.nodes.map(({ name }) => name)).toEqual(TAGS);
    for (const { name, recordId, record } of app?.tags.nodes ?? []) {
      expect([recordId, record.id]).toEqual([records.get(name), records.get(name)]);
    }
  });

  test('take no cursor of another list, and no page of another length', async () => {
    const tags = await ask(
      gateway,
      '{ repositories(first: 1) { nodes { tags(first: 1) { pageInfo { endCursor } } } } }',
    );
    const cursor = z
      .object({
        repositories: z.object({
          nodes: z.tuple([z.object({ tags: z.object({ pageInfo: z.object({ endCursor: z.string() }) }) })]),
        }),
      })
      .parse(tags.data).repositories.nodes[0].tags.pageInfo.endCursor;

    for (const args of [`after: "${cursor}"`, 'after: "!"', 'first: 0', 'first: 101', 'first: -1']) {
      expect((await ask(gateway, `{ repositories(${args}) { nodes { name } } }`)).codes).toEqual([
        'BAD_USER_INPUT',
      ]);
    }
  });
});

describe('federation', () => {
  test('gives the subgraph its SDL', async () => {
    const { data } = await ask(gateway, '{ _service { sdl } }');
    const { sdl } = z.object({ _service: z.object({ sdl: z.string() }) }).parse(data)._service;
    expect(sdl).toContain('type Artifact');
    expect(sdl).toContain('@key(fields: "id"');
  });

  test('resolves entities by their keys, and null where there is none', async () => {
    const { data } = await ask(
      gateway,
      `query ($of: [_Any!]!) {
        _entities(representations: $of) {
          ... on Artifact { digest }
          ... on Record { kind }
          ... on Ledger { queued }
        }
      }`,
      {
        variables: {
          of: [
            { __typename: 'Artifact', id: `public/app@${digest}` },
            { __typename: 'Record', id: records.get('1.0') },
            { __typename: 'Ledger', origin: ORIGIN },
            { __typename: 'Artifact', id: `secret/app@${digest}` },
            { __typename: 'Record', id: 7 },
            { __typename: 'Ledger', origin: 'globex.example/ledger/public' },
          ],
        },
      },
    );
    expect(data).toEqual({
      _entities: [{ digest }, { kind: 'tag-set' }, { queued: 0 }, null, null, null],
    });
  });
});

/** Reads every page of the connection at `path` in the data, and checks that its cursors lead to the end. */
async function collect<Node>(
  query: string,
  variables: object,
  path: string,
  node: z.ZodType<Node>,
): Promise<Node[]> {
  const connection = z.object({
    nodes: z.array(node),
    pageInfo: z.looseObject({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
  });
  const nodes: Node[] = [];
  for (let after: string | null = null; ;) {
    const { data, codes } = await ask(gateway, query, { variables: { ...variables, after } });
    expect(codes).toEqual([]);
    const page = connection.parse(
      path.split('.').reduce<unknown>((value, key) => z.looseObject({}).parse(value)[key], data),
    );
    nodes.push(...page.nodes);
    if (!page.pageInfo.hasNextPage) return nodes;
    after = page.pageInfo.endCursor;
  }
}
