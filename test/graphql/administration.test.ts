import { buildImage, startGateway, type TestAccount, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type Answer, ask, push } from './session.ts';

const ACCOUNT = '{ username disabled policies { pattern actions } }';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway();
});

afterAll(() => gateway.close());

// Each is good for five minutes, and to sign in takes longer than most of what is asked here.
const tokens = new Map<TestAccount, Promise<string>>();

async function askAs(account: TestAccount, query: string, variables: object = {}): Promise<Answer> {
  const known = tokens.get(account);
  const token = known ?? gateway.token(account, 'repository:**:pull,push,delete,admin');
  tokens.set(account, token);
  return ask(gateway, query, { variables, token: await token });
}

const administer = (query: string, variables?: object): Promise<Answer> =>
  askAs(gateway.operator, query, variables);

const OPERATIONS = [
  '{ accounts { nodes { username } } }',
  '{ namespaceRules { nodes { pattern } } }',
  'mutation { createAccount(username: "eve", password: "password-of-eve") { username } }',
  'mutation { setPassword(username: "operator", password: "password-of-eve") { username } }',
  'mutation { disableAccount(username: "operator") { username } }',
  'mutation { enableAccount(username: "operator") { username } }',
  'mutation { setPolicy(username: "reader", pattern: "**", actions: [ADMIN]) { username } }',
  'mutation { removePolicy(username: "operator", pattern: "**") { username } }',
  'mutation { createRobot(name: "eve", policies: [{ pattern: "**", actions: [ADMIN] }]) { secret } }',
  'mutation { rotateRobot(name: "none") { secret } }',
  'mutation { revokeRobot(name: "none") { username } }',
  '{ immutableTagRules { nodes { pattern } } }',
  'mutation { addImmutableTagRule(pattern: "**", tags: "*") { pattern } }',
  'mutation { removeImmutableTagRule(pattern: "**", tags: "*") { pattern } }',
  'mutation { collect(dryRun: true) { next } }',
  'mutation { collect(untagged: true) { next } }',
  'mutation { setNamespaceRule(pattern: "**", visibility: PUBLIC) { pattern } }',
  'mutation { removeNamespaceRule(pattern: "public/**") }',
];

describe.each(OPERATIONS)('%s', (operation) => {
  test('is refused to everybody but operators', async () => {
    expect((await ask(gateway, operation)).codes).toEqual(['UNAUTHENTICATED']);
    expect((await askAs(gateway.reader, operation)).codes).toEqual(['FORBIDDEN']);
    expect((await askAs(gateway.publisher, operation)).codes).toEqual(['FORBIDDEN']);
  });
});

test('an account is made, changed, disabled and enabled', async () => {
  const create = `mutation ($policies: [PolicyInput!]!) {
    createAccount(username: "ada", password: "password-of-ada", policies: $policies) ${ACCOUNT}
  }`;
  const policies = [{ pattern: 'public/ada/**', actions: ['PULL', 'PUSH'] }];
  expect((await administer(create, { policies })).data).toEqual({
    createAccount: { username: 'ada', disabled: false, policies },
  });
  expect((await administer(create, { policies })).codes).toEqual(['CONFLICT']);

  const steps = [
    {
      call: 'setPolicy(username: "ada", pattern: "public/b/**", actions: [DELETE])',
      gives: { policies: [...policies, { pattern: 'public/b/**', actions: ['DELETE'] }] },
    },
    { call: 'removePolicy(username: "ada", pattern: "public/b/**")', gives: { policies } },
    { call: 'disableAccount(username: "ada")', gives: { disabled: true } },
    { call: 'enableAccount(username: "ada")', gives: { disabled: false } },
    { call: 'setPassword(username: "ada", password: "another-password")', gives: { username: 'ada' } },
  ];
  for (const { call, gives } of steps) {
    expect((await administer(`mutation { account: ${call} ${ACCOUNT} }`)).data).toMatchObject({
      account: gives,
    });
  }
  expect(await gateway.token({ username: 'ada', password: 'another-password' })).not.toBe('');
});

test('a robot is made, listed by its kind, rotated and revoked', async () => {
  const made = await administer(
    'mutation { createRobot(name: "ci", validHours: 1) { secret account { username kind expiresAt } } }',
  );
  expect(made.data).toEqual({
    createRobot: {
      secret: expect.stringMatching(/^dockchains_robot_/) as string,
      account: { username: 'robot+ci', kind: 'ROBOT', expiresAt: expect.any(String) as string },
    },
  });
  expect((await administer('{ accounts(kind: ROBOT) { nodes { username } } }')).data).toEqual({
    accounts: { nodes: [{ username: 'robot+ci' }] },
  });
  const rotated = await administer('mutation { rotateRobot(name: "ci") { account { disabled } } }');
  expect(rotated.data).toEqual({ rotateRobot: { account: { disabled: false } } });
  expect((await administer('mutation { revokeRobot(name: "ci") { disabled } }')).data).toEqual({
    revokeRobot: { disabled: true },
  });
  expect((await administer('mutation { revokeRobot(name: "none") { disabled } }')).codes).toEqual([
    'NOT_FOUND',
  ]);
  expect((await administer('mutation { createRobot(name: "b", validHours: 0) { secret } }')).codes).toEqual([
    'BAD_USER_INPUT',
  ]);
});

test('rules of immutable tags are listed page by page, until they are removed', async () => {
  for (const tags of ['v*', 'release']) {
    const add = `mutation { addImmutableTagRule(pattern: "public/**", tags: "${tags}") { pattern tags } }`;
    expect((await administer(add)).codes).toEqual([]);
  }
  const query = `query ($after: String) {
    immutableTagRules(first: 1, after: $after) { nodes { tags } pageInfo { hasNextPage endCursor } }
  }`;
  const first = (await administer(query)).data as {
    immutableTagRules: { pageInfo: { endCursor: string } };
  };
  expect(first).toMatchObject({
    immutableTagRules: { nodes: [{ tags: 'release' }], pageInfo: { hasNextPage: true } },
  });
  const after = first.immutableTagRules.pageInfo.endCursor;
  expect((await administer(query, { after })).data).toMatchObject({
    immutableTagRules: { nodes: [{ tags: 'v*' }], pageInfo: { hasNextPage: false } },
  });
  for (const codes of [[], ['NOT_FOUND']]) {
    const remove = 'mutation { removeImmutableTagRule(pattern: "public/**", tags: "v*") { tags } }';
    expect((await administer(remove)).codes).toEqual(codes);
  }
});

test('accounts and rules are listed page by page, by name', async () => {
  await administer(
    'mutation { setNamespaceRule(pattern: "more/**", visibility: PUBLIC) { pattern visibility } }',
  );
  const query = `query ($after: String) {
    accounts(first: 2, after: $after) { edges { cursor } nodes { username principalId } pageInfo { hasNextPage } }
    namespaceRules(first: 1) { nodes { pattern visibility } pageInfo { hasNextPage } }
  }`;
  expect((await administer(query)).data).toMatchObject({
    accounts: { nodes: [{ username: expect.any(String) as string }, {}], pageInfo: { hasNextPage: true } },
    namespaceRules: {
      nodes: [{ pattern: 'more/**', visibility: 'PUBLIC' }],
      pageInfo: { hasNextPage: true },
    },
  });
  expect((await administer('mutation { removeNamespaceRule(pattern: "more/**") }')).data).toEqual({
    removeNamespaceRule: 'more/**',
  });
  expect((await administer('mutation { removeNamespaceRule(pattern: "more/**") }')).codes).toEqual([
    'NOT_FOUND',
  ]);
});

test.each([
  { name: 'a weak password', call: 'createAccount(username: "bob", password: "short") { username }' },
  {
    name: 'a bad user name',
    call: 'createAccount(username: "Bob!", password: "long-enough-1") { username }',
  },
  { name: 'a bad pattern', call: 'setNamespaceRule(pattern: "//", visibility: PUBLIC) { pattern }' },
  {
    name: 'a ledger that is not there',
    call: 'setNamespaceRule(pattern: "x/**", visibility: PROTECTED) { pattern }',
  },
])('refuses $name', async ({ call }) => {
  expect((await administer(`mutation { ${call} }`)).codes).toEqual(['BAD_USER_INPUT']);
});

test('what an operator may not be asked twelve times at once is the making of passwords', async () => {
  const calls = Array.from(
    { length: 12 },
    (_, n) => `a${n}: createAccount(username: "bulk${n}", password: "password-of-bulk") { username }`,
  );
  expect((await administer(`mutation { ${calls.join(' ')} }`)).codes).toEqual(['QUERY_TOO_COSTLY']);
});

test('a bad token is refused with a challenge, and the error says no more', async () => {
  const { status, codes, headers } = await ask(gateway, '{ __typename }', { token: 'e30.e30.e30' });
  expect([status, codes]).toEqual([401, ['UNAUTHENTICATED']]);
  expect(headers.get('www-authenticate')).toContain('error="invalid_token"');
});

test('a token without a scope reads what is public, and administers nothing', async () => {
  await push(gateway, buildImage(), { repository: 'public/app', tag: 'latest' });
  const token = await gateway.token(gateway.operator);
  const names = '{ repositories { nodes { name } } }';
  expect((await ask(gateway, names, { token })).data).toEqual({
    repositories: { nodes: [{ name: 'public/app' }] },
  });
  expect((await ask(gateway, names)).data).toEqual({ repositories: { nodes: [{ name: 'public/app' }] } });
  expect((await ask(gateway, '{ accounts { nodes { username } } }', { token })).codes).toEqual(['FORBIDDEN']);
});

describe('viewer', () => {
  const QUERY = '{ viewer { username principalId policies { pattern actions } } }';

  test('is nobody without signing in', async () => {
    expect((await ask(gateway, QUERY)).data).toEqual({ viewer: null });
  });

  test('is the account of the token, whatever it may do', async () => {
    const token = await gateway.token(gateway.operator);
    expect((await ask(gateway, QUERY, { token })).data).toEqual({
      viewer: {
        username: gateway.operator.username,
        principalId: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
        policies: [{ pattern: '**', actions: expect.arrayContaining(['ADMIN']) as string[] }],
      },
    });
  });
});
