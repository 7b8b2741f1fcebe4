import { generateKeyPairSync } from 'node:crypto';

import { type Database, openDatabase } from '@dockchains/database';
import { createTestDatabase, type TestDatabase } from '@dockchains/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { type Access, createAccess } from './access.ts';
import { MAX_POLICIES } from './account-rows.ts';

const PASSWORD = 'a long enough password';
const NOW = new Date('2026-01-01T00:00:00Z');
const { privateKey: tokenKey } = generateKeyPairSync('ed25519');

let testDatabase: TestDatabase;
let database: Database;
let access: Access;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  const publicUrl = 'http://127.0.0.1:5000';
  access = createAccess({ database, tokenKey, organisation: 'acme.example', clock: () => NOW, publicUrl });
});

beforeEach(async () => {
  await database.prisma.account.deleteMany();
  await database.prisma.namespaceRule.deleteMany();
});

afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

const code = (value: string): unknown => expect.objectContaining({ code: value });
const account = (username: string): { username: string; password: string; policies: [] } => ({
  username,
  password: PASSWORD,
  policies: [],
});

describe('accounts', () => {
  test('are made once, with an opaque id and without showing the password', async () => {
    const made = await access.createAccount({
      ...account('alice'),
      policies: [
        { pattern: 'b/**', actions: ['push', 'pull', 'push'] },
        { pattern: 'a', actions: ['admin'] },
      ],
    });
    expect(made).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      username: 'alice',
      kind: 'person',
      createdAt: NOW,
      disabledAt: undefined,
      expiresAt: undefined,
      policies: [
        { pattern: 'a', actions: ['admin'] },
        { pattern: 'b/**', actions: ['pull', 'push'] },
      ],
    });
    expect(await access.findAccount('alice')).toEqual(made);
    await expect(access.createAccount(account('alice'))).rejects.toEqual(code('ACCOUNT_EXISTS'));
    expect(await access.findAccount('bob')).toBeUndefined();
  });

  test('made at once under one name are one', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 4 }, () => access.createAccount(account('alice'))),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await access.listAccounts({ limit: 10 })).toHaveLength(1);
  });

  test.each([
    { name: 'an empty name', change: { username: '' } },
    { name: 'capitals', change: { username: 'Alice' } },
    { name: 'a colon', change: { username: 'a:b' } },
    { name: 'the name of a robot', change: { username: 'robot+a' } },
    { name: 'a long name', change: { username: 'a'.repeat(65) } },
    { name: 'a short password', change: { password: 'seven77' } },
    { name: 'a password of two lines', change: { password: 'eight888\n' } },
    { name: 'a long password', change: { password: 'x'.repeat(1025) } },
    { name: 'a bad pattern', change: { policies: [{ pattern: 'A/**', actions: ['pull' as const] }] } },
    { name: 'no action', change: { policies: [{ pattern: 'a', actions: [] }] } },
    {
      name: 'a pattern twice',
      change: {
        policies: [
          { pattern: 'a', actions: ['pull' as const] },
          { pattern: 'a', actions: ['push' as const] },
        ],
      },
    },
  ])('are refused for $name', async ({ change }) => {
    await expect(access.createAccount({ ...account('alice'), ...change })).rejects.toEqual(
      code('INVALID_INPUT'),
    );
    expect(await access.listAccounts({ limit: 1 })).toEqual([]);
  });

  test('are listed in byte order, page by page, each once', async () => {
    const names = ['b', 'a_', 'a.', 'a-', 'ab', '9', 'a1'];
    await access.seed({ accounts: names.map(account) });
    const listed: string[] = [];
    for (;;) {
      const last = listed.at(-1);
      const page = await access.listAccounts({ limit: 2, ...(last !== undefined && { after: last }) });
      if (page.length === 0) break;
      listed.push(...page.map(({ username }) => username));
    }
    expect(listed).toEqual([...names].sort());
    await expect(access.listAccounts({ limit: 0 })).rejects.toEqual(code('INVALID_INPUT'));
    await expect(access.listAccounts({ limit: 1001 })).rejects.toEqual(code('INVALID_INPUT'));
  });

  test('take a new password, and no longer the old one', async () => {
    await access.createAccount(account('alice'));
    await access.setPassword('alice', 'quite another one');
    await access.issueToken({ username: 'alice', password: 'quite another one' }, []);
    await expect(access.issueToken({ username: 'alice', password: PASSWORD }, [])).rejects.toEqual(
      code('BAD_CREDENTIALS'),
    );
  });

  test('that are not there cannot be changed', async () => {
    const unknown = code('ACCOUNT_UNKNOWN');
    await expect(access.setPassword('nobody', PASSWORD)).rejects.toEqual(unknown);
    await expect(access.disableAccount('nobody')).rejects.toEqual(unknown);
    await expect(access.enableAccount('nobody')).rejects.toEqual(unknown);
    await expect(access.setPolicy('nobody', '**', ['pull'])).rejects.toEqual(unknown);
    await expect(access.removePolicy('nobody', '**')).rejects.toEqual(unknown);
  });

  test('and rules are not looked for under names that cannot be theirs', async () => {
    for (const name of ['a\0', '', 'x'.repeat(100_000), '\ud800']) {
      expect(await access.findAccount(name)).toBeUndefined();
      await expect(access.setPassword(name, PASSWORD)).rejects.toEqual(code('ACCOUNT_UNKNOWN'));
      await expect(access.enableAccount(name)).rejects.toEqual(code('ACCOUNT_UNKNOWN'));
      await expect(access.removeNamespaceRule(name)).rejects.toEqual(code('RULE_UNKNOWN'));
    }
    await access.createAccount(account('alice'));
    await expect(access.removePolicy('alice', 'a\0')).rejects.toEqual(code('POLICY_UNKNOWN'));
    await expect(access.listAccounts({ after: 'a\0', limit: 1 })).rejects.toEqual(code('INVALID_INPUT'));
  });

  test('disabled twice keep the time of the first', async () => {
    await access.createAccount(account('alice'));
    await access.disableAccount('alice');
    const later = new Date(NOW.getTime() + 1000);
    const second = createAccess({
      database,
      tokenKey,
      organisation: 'a.example',
      clock: () => later,
      publicUrl: '',
    });
    await second.disableAccount('alice');
    expect((await access.findAccount('alice'))?.disabledAt).toEqual(NOW);
  });

  test('hold a bounded number of policies', async () => {
    const policies = Array.from({ length: MAX_POLICIES }, (_, index) => ({
      pattern: `team/${index}`,
      actions: ['pull' as const],
    }));
    await access.createAccount({ ...account('alice'), policies });
    await expect(access.setPolicy('alice', 'more', ['pull'])).rejects.toEqual(code('LIMIT_REACHED'));
    await access.setPolicy('alice', 'team/0', ['push']);
    await access.removePolicy('alice', 'team/1');
    await access.setPolicy('alice', 'more', ['pull']);
    await expect(access.removePolicy('alice', 'team/1')).rejects.toEqual(code('POLICY_UNKNOWN'));
  });
});

describe('namespace rules', () => {
  test('give a new repository its visibility; without one there is none', async () => {
    await access.setNamespaceRule('public/**', 'public');
    await access.setNamespaceRule('public/**', 'public');
    expect(await access.findVisibility('public/a/b')).toBe('public');
    expect(await access.findVisibility('other')).toBeUndefined();
    await access.removeNamespaceRule('public/**');
    expect(await access.findVisibility('public/a/b')).toBeUndefined();
    await expect(access.removeNamespaceRule('public/**')).rejects.toEqual(code('RULE_UNKNOWN'));
  });

  test('with the longest pattern win, and among equally long ones the most closed', async () => {
    await database.prisma.namespaceRule.createMany({
      data: [
        { pattern: '**', visibility: 'public' },
        { pattern: 'team/**', visibility: 'private' },
        { pattern: 'team/open/**', visibility: 'public' },
        { pattern: 'a/*/c', visibility: 'public' },
        { pattern: '*/b/c', visibility: 'protected' },
      ],
    });
    expect(await access.findVisibility('other')).toBe('public');
    expect(await access.findVisibility('team/app')).toBe('private');
    expect(await access.findVisibility('team/open/app')).toBe('public');
    expect(await access.findVisibility('a/b/c')).toBe('protected');
  });

  test('are public or private so far, and listed by pattern', async () => {
    await expect(access.setNamespaceRule('a/**', 'protected')).rejects.toEqual(code('INVALID_INPUT'));
    await expect(access.setNamespaceRule('a/**', 'secret')).rejects.toEqual(code('INVALID_INPUT'));
    await expect(access.setNamespaceRule('A', 'public')).rejects.toEqual(code('INVALID_INPUT'));
    for (const pattern of ['b/**', 'a/**', '**']) await access.setNamespaceRule(pattern, 'public');
    await access.setNamespaceRule('a/**', 'private');
    expect(await access.listNamespaceRules({ limit: 2, after: '**' })).toEqual([
      { pattern: 'a/**', visibility: 'private' },
      { pattern: 'b/**', visibility: 'public' },
    ]);
  });
});

describe('a seed', () => {
  const seed = {
    accounts: [{ ...account('alice'), policies: [{ pattern: 'public/**', actions: ['push'] }] }],
    namespaces: [{ pattern: 'public/**', visibility: 'public' }],
  };

  test('adds what is missing and changes nothing that is there', async () => {
    await access.seed(seed);
    const [alice] = await access.listAccounts({ limit: 10 });
    await access.setPassword('alice', 'quite another one');
    await access.setPolicy('alice', 'public/**', ['pull']);
    await access.seed({ ...seed, accounts: [...seed.accounts, account('bob')] });
    const [again, bob] = await access.listAccounts({ limit: 10 });
    expect(again).toEqual({ ...alice, policies: [{ pattern: 'public/**', actions: ['pull'] }] });
    expect(bob?.username).toBe('bob');
    await access.issueToken({ username: 'alice', password: 'quite another one' }, []);
  });

  test('sown by several gateways at once is sown once', async () => {
    await Promise.all(Array.from({ length: 4 }, () => access.seed(seed)));
    expect(await access.listAccounts({ limit: 10 })).toHaveLength(1);
    expect(await access.listNamespaceRules({ limit: 10 })).toHaveLength(1);
  });

  test.each([
    { name: 'no object', input: 'alice' },
    { name: 'an unknown field', input: { accounts: [], users: [] } },
    { name: 'a missing password', input: { accounts: [{ username: 'alice', policies: [] }] } },
    { name: 'a bad name in the last place', input: { accounts: [account('alice'), account('Bob')] } },
    {
      name: 'a protected namespace',
      input: { ...seed, namespaces: [{ pattern: 'a', visibility: 'protected' }] },
    },
    {
      name: 'too many accounts',
      input: { accounts: Array.from({ length: 1001 }, (_, n) => account(`a${n}`)) },
    },
  ])('with $name is refused whole', async ({ input }) => {
    await expect(access.seed(input)).rejects.toEqual(code('INVALID_INPUT'));
    expect(await access.listAccounts({ limit: 10 })).toEqual([]);
  });

  test('with a mistake is refused without a word of its passwords', async () => {
    const input = { accounts: [{ username: 'alice', password: 'secret-secret', policies: 'secret-secret' }] };
    await expect(access.seed(input)).rejects.toThrow(/^(?!.*secret-secret).*accounts\.0\.policies/);
  });
});
