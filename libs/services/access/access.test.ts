import { generateKeyPairSync } from 'node:crypto';

import { type Database, openDatabase, type Statement } from '@dockchains/database';
import { createTestDatabase, type TestDatabase } from '@dockchains/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type Access, createAccess } from './access.ts';
import { FACTS_COLUMNS, FACTS_JOINS, type FactsRow } from './facts.ts';
import type { Action, Principal } from './principal.ts';

const PASSWORD = 'a long enough password';
const ACTIONS: readonly Action[] = ['pull', 'push', 'tag:create', 'tag:move', 'delete', 'admin'];
const { privateKey: tokenKey } = generateKeyPairSync('ed25519');

let testDatabase: TestDatabase;
let database: Database;
let access: Access;
let now = new Date('2026-01-01T00:00:00Z');

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  const publicUrl = 'http://127.0.0.1:5000/';
  access = createAccess({ database, tokenKey, organisation: 'acme.example', clock: () => now, publicUrl });
  await access.seed({
    accounts: [
      {
        username: 'alice',
        password: PASSWORD,
        policies: [{ pattern: 'team/**', actions: ['push', 'delete'] }],
      },
      { username: 'bob', password: PASSWORD, policies: [] },
      { username: 'star', password: PASSWORD, policies: [{ pattern: '*', actions: ['admin'] }] },
      { username: 'root', password: PASSWORD, policies: [{ pattern: '**', actions: ['admin'] }] },
    ],
    namespaces: [{ pattern: 'team/**', visibility: 'public' }],
  });
  await database.prisma.repository.createMany({
    data: [
      { name: 'team/open', visibility: 'public' },
      { name: 'team/hidden', visibility: 'private' },
    ],
  });
});

afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

const code = (value: string): unknown => expect.objectContaining({ code: value });
const repository = (
  name: string,
  ...actions: string[]
): { type: string; name: string; actions: string[] } => ({
  type: 'repository',
  name,
  actions,
});
const issue = (
  username: string,
  ...scopes: Parameters<Access['issueToken']>[1]
): ReturnType<Access['issueToken']> => access.issueToken({ username, password: PASSWORD }, scopes);
const signIn = async (username: string, ...scopes: Parameters<Access['issueToken']>[1]): Promise<Principal> =>
  access.authenticate(`Bearer ${(await issue(username, ...scopes)).token}`);

describe('tokens', () => {
  test('are for what was asked and is allowed', async () => {
    const { granted, expiresInSeconds, issuedAt } = await issue(
      'alice',
      repository('team/open', 'pull', 'push', 'admin'),
      repository('team/new', '*'),
      repository('other/app', 'pull', 'push'),
      repository('host:5000/team/app', 'pull'),
      { type: 'plugin', name: 'team/open', actions: ['pull'] },
      { type: 'registry', name: 'catalog', actions: ['*'] },
    );
    expect(granted).toEqual([
      repository('team/open', 'pull', 'push'),
      repository('team/new', 'pull', 'push', 'delete'),
      { type: 'registry', name: 'catalog', actions: ['*'] },
    ]);
    expect({ expiresInSeconds, issuedAt }).toEqual({ expiresInSeconds: 300, issuedAt: now });
  });

  test('for strangers are for public repositories alone', async () => {
    const scopes = ['team/open', 'team/hidden', 'team/absent'].map((name) =>
      repository(name, 'pull', 'push'),
    );
    const { token, granted } = await access.issueToken(undefined, scopes);
    expect(granted).toEqual([repository('team/open', 'pull')]);
    expect(await access.authenticate(`Bearer ${token}`)).toEqual({ id: undefined, scopes: granted });
  });

  test.each([
    { name: 'a wrong password', username: 'alice', password: `${PASSWORD}!` },
    { name: 'an unknown user', username: 'nobody', password: PASSWORD },
    { name: 'an empty password', username: 'alice', password: '' },
    { name: 'a password without end', username: 'alice', password: 'x'.repeat(100_000) },
    { name: 'a user name with a NUL', username: 'alice\0', password: PASSWORD },
  ])('are refused for $name', async ({ username, password }) => {
    await expect(access.issueToken({ username, password }, [])).rejects.toEqual(code('BAD_CREDENTIALS'));
  });

  test.each(['Basic YWxpY2U6eA==', 'Bearer', 'Bearer a b', '', 'bearer not.a.token'])(
    '%j is none',
    async (header) => {
      await expect(access.authenticate(header)).rejects.toEqual(code('INVALID_TOKEN'));
    },
  );

  test('no header is anonymous', async () => {
    expect(await access.authenticate(undefined)).toEqual({ id: undefined, scopes: [] });
  });

  test('that ended still end the upload of their own principal, for a day', async () => {
    const started = now;
    const bearer = `Bearer ${(await issue('alice', repository('team/open', 'push'))).token}`;
    const { id } = await access.authenticate(bearer);
    try {
      now = new Date(started.getTime() + 3_600_000);
      await expect(access.authenticate(bearer)).rejects.toEqual(code('INVALID_TOKEN'));
      await expect(access.authenticateForUpload(bearer, () => Promise.resolve(undefined))).rejects.toEqual(
        code('INVALID_TOKEN'),
      );
      await expect(
        access.authenticateForUpload(bearer, () => Promise.resolve('b'.repeat(32))),
      ).rejects.toEqual(code('INVALID_TOKEN'));
      const principal = await access.authenticateForUpload(bearer, () => Promise.resolve(id));
      expect(principal).toMatchObject({ id, expired: true });
      await access.require(principal, 'push', 'team/open');
      await expect(access.require(principal, 'push', 'team/hidden')).rejects.toEqual(
        code('INSUFFICIENT_SCOPE'),
      );
      await expect(access.require(principal, 'pull', 'team/open')).rejects.toEqual(code('INVALID_TOKEN'));
      now = new Date(started.getTime() + 25 * 3_600_000);
      await expect(access.authenticateForUpload(bearer, () => Promise.resolve(id))).rejects.toEqual(
        code('INVALID_TOKEN'),
      );
    } finally {
      now = started;
    }
  });

  test('are challenged for as Docker has it', () => {
    expect(access.challenge()).toBe('Bearer realm="http://127.0.0.1:5000/token",service="acme.example"');
    expect(access.challenge([repository('a/b', 'pull', 'push')], 'insufficient_scope')).toBe(
      'Bearer realm="http://127.0.0.1:5000/token",service="acme.example",scope="repository:a/b:pull,push",error="insufficient_scope"',
    );
  });
});

describe('decisions', () => {
  test('on a push and its tags take one look', async () => {
    const bob = { ...(await signIn('bob')), scopes: [repository('**', 'push')] };
    await access.setPolicy('bob', 'team/*', ['push', 'tag:create']);
    const rights = await access.findRights(bob, 'team/hidden');
    expect(ACTIONS.filter((action) => rights.can(action))).toEqual(['pull', 'push', 'tag:create']);
    expect(() => {
      rights.require('tag:create');
    }).not.toThrow();
    expect(() => {
      rights.require('tag:move');
    }).toThrow(code('DENIED'));
    await access.removePolicy('bob', 'team/*');
  });

  test('may rest on facts that come with what the caller reads', async () => {
    const READ: Statement = {
      name: 'test_read_with_facts',
      text: `SELECT w.extra, ${FACTS_COLUMNS}
             FROM unnest($1::text[], $2::text[], $3::text[]) AS w(principal, repository, extra) ${FACTS_JOINS}`,
    };
    const alice = { ...(await signIn('alice')), scopes: [repository('**', 'push')] };
    const read = async (id: string | undefined, name: string) => {
      const rows = await database.query<FactsRow & { extra: string }>(READ, [[id ?? null], [name], [name]]);
      return rows[0] ?? expect.fail('The statement gave no row.');
    };
    const own = await read(alice.id, 'team/hidden');
    expect(own.extra).toBe('team/hidden');
    expect(access.judge(alice, 'team/hidden', own).can('pull')).toBe(true);
    expect(access.judge(alice, 'team/hidden', own).can('admin')).toBe(false);
    const anonymous = await read(undefined, 'team/hidden');
    expect(() => {
      access.judge({ id: undefined, scopes: [] }, 'team/hidden', anonymous).require('pull');
    }).toThrow(code('UNAUTHORIZED'));
  });

  test('follow the policy as it is now, whatever the token says', async () => {
    const bob = await signIn('bob');
    const scoped = { ...bob, scopes: [repository('**', 'push')] };
    expect(await access.allowed(scoped, 'push', 'team/open')).toBe(false);
    await access.setPolicy('bob', 'team/*', ['push']);
    expect(await access.allowed(scoped, 'push', 'team/open')).toBe(true);
    expect(await access.allowed(scoped, 'delete', 'team/open')).toBe(false);
    await access.removePolicy('bob', 'team/*');
    await expect(access.require(scoped, 'push', 'team/open')).rejects.toEqual(code('DENIED'));
    await expect(access.require(scoped, 'pull', 'team/hidden')).rejects.toEqual(code('NAME_UNKNOWN'));
    await expect(access.require(scoped, 'pull', 'team/absent')).rejects.toEqual(code('NAME_UNKNOWN'));
  });

  test('end with the account, and begin again with it', async () => {
    const alice = await signIn('alice', repository('team/hidden', 'pull'));
    await access.require(alice, 'pull', 'team/hidden');
    await access.disableAccount('alice');
    await expect(access.require(alice, 'pull', 'team/hidden')).rejects.toEqual(code('INVALID_TOKEN'));
    await expect(access.findReadable(alice)).rejects.toEqual(code('INVALID_TOKEN'));
    await expect(access.requireCurrent(alice)).rejects.toEqual(code('INVALID_TOKEN'));
    await expect(issue('alice')).rejects.toEqual(code('BAD_CREDENTIALS'));
    await access.enableAccount('alice');
    await access.requireCurrent(alice);
    await access.require(alice, 'pull', 'team/hidden');
  });

  test('make an operator of who administers everything, with a token for it, and of nobody else', async () => {
    const everything = repository('**', 'admin');
    await access.requireOperator(await signIn('root', everything));
    await expect(access.requireOperator(await signIn('root'))).rejects.toEqual(code('INSUFFICIENT_SCOPE'));
    await expect(access.requireOperator(await signIn('root', repository('*', 'admin')))).rejects.toEqual(
      code('INSUFFICIENT_SCOPE'),
    );
    await expect(access.requireOperator(await signIn('star', everything))).rejects.toEqual(code('DENIED'));
    await expect(access.requireOperator(await signIn('alice', everything))).rejects.toEqual(code('DENIED'));
    await expect(access.requireOperator({ id: undefined, scopes: [everything] })).rejects.toEqual(
      code('UNAUTHORIZED'),
    );
  });

  test('that are asked for at once are each answered for themselves', async () => {
    const bob = { ...(await signIn('bob')), scopes: [repository('**', 'push')] };
    const root = await signIn('root', repository('**', 'admin'));
    const nobody = await access.authenticate(undefined);
    const answers = await Promise.all([
      access.allowed(root, 'push', 'team/open'),
      access.allowed(bob, 'push', 'team/open'),
      access.allowed(nobody, 'pull', 'team/open'),
      access.allowed(nobody, 'pull', 'team/hidden'),
      access.allowed(nobody, 'pull', 'no\0name'),
      access.allowed(root, 'delete', 'team/hidden'),
      access.allowed(bob, 'pull', 'team/open'),
    ]);
    expect(answers).toEqual([true, false, true, false, false, true, true]);
  });

  test('and scans of repositories agree', async () => {
    await database.prisma.repository.createMany({
      data: ['a', 'a/b', 'team', 'team/x/y', 'teams/x', 'other/open'].map((name) => ({
        name,
        visibility: 'private',
      })),
    });
    const repositories = await database.prisma.repository.findMany();
    const principals = [
      await signIn('alice', repository('**', 'pull')),
      await signIn('alice', repository('team/hidden', 'pull'), repository('team/x/y', 'push')),
      await signIn('alice', repository('team/hidden', 'delete')),
      await signIn('alice'),
      await signIn('root', repository('**', 'pull')),
      await signIn('star', repository('**', 'pull')),
      await signIn('bob', repository('**', 'pull')),
      await access.authenticate(undefined),
    ];
    for (const principal of principals) {
      const { policies, scopes } = await access.findReadable(principal);
      const scanned = await database.query<{ name: string }>(
        {
          name: 'test-scan',
          text: `SELECT name FROM repository WHERE visibility = 'public' OR (name ~ ANY($1) AND name ~ ANY($2)) ORDER BY name`,
        },
        [policies, scopes],
      );
      const asked = await Promise.all(
        repositories.map(async ({ name }) => ((await access.allowed(principal, 'pull', name)) ? [name] : [])),
      );
      expect(scanned.map(({ name }) => name)).toEqual(asked.flat().sort());
    }
  });
});
