import { buildImage } from '@dockchains/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createWorkplace } from '../../apps/cli/test-io.ts';
import { startCommandLine } from './command-line.ts';

const { gateway, place, login, json, push, close } = await startCommandLine();

beforeAll(async () => {
  await push(buildImage(), '1.0');
  await login(gateway.operator);
});
afterAll(close);

test('sees how many messages were given up on', async () => {
  expect(await json('status')).toMatchObject({ organisations: [{ deadLetters: 0 }] });
});

test('builds the catalog anew', async () => {
  expect(await json('catalog', 'rebuild')).toEqual({ entries: '2', ledgers: 2 });
  expect(await json('search', 'app')).toMatchObject({ matches: 1 });
});

test('makes an account that can sign in, and can no longer when it is disabled', async () => {
  const made = await json('account', 'add', 'ada', '--generate', '--allow', 'public/**=pull,push');
  const { password } = made as { password: string };
  expect(made).toMatchObject({ account: { username: 'ada', policies: [{ pattern: 'public/**' }] } });
  const session = await createWorkplace();
  session.io.fetch = globalThis.fetch;
  const signIn = (secret: string) => {
    session.io.stdin = secret;
    return session.run('login', gateway.host, '-u', 'ada', '--password-stdin');
  };
  expect((await signIn(password)).exitCode).toBe(0);

  await json('account', 'disable', 'ada');
  expect((await signIn(password)).exitCode).toBe(4);
  await json('account', 'enable', 'ada');
  place.io.stdin = 'another-password-2';
  await json('account', 'passwd', 'ada', '--password-stdin');
  expect((await signIn(password)).exitCode).toBe(4);
  expect((await signIn('another-password-2')).exitCode).toBe(0);
  await session.remove();
});

test('says what an account may do', async () => {
  const policies = [{ pattern: 'public/**', actions: ['pull'] }];
  expect(await json('account', 'allow', 'reader', 'team/**', 'pull,push')).toMatchObject({
    account: { policies: [...policies, { pattern: 'team/**', actions: ['pull', 'push'] }] },
  });
  expect(await json('account', 'revoke', 'reader', 'team/**')).toMatchObject({ account: { policies } });
  const { accounts } = (await json('account', 'list')) as { accounts: { username: string }[] };
  expect(accounts.map(({ username }) => username)).toEqual(['ada', 'operator', 'publisher', 'reader']);
  expect((await place.run('account', 'disable', 'nobody')).exitCode).toBe(1);
});

test('makes robots, whose secret is printed once and signs in until it is rotated or revoked', async () => {
  const made = (await json(
    ...['account', 'robot', 'add', 'ci', '--valid', '2d', '--allow', 'public/**=push,tag:create'],
  )) as { secret: string; account: { expiresAt: string } };
  const policies = [{ pattern: 'public/**', actions: ['push', 'tag:create'] }];
  expect(made).toMatchObject({ account: { username: 'robot+ci', policies } });
  expect(Date.parse(made.account.expiresAt)).toBeGreaterThan(Date.now());
  const session = await createWorkplace();
  session.io.fetch = globalThis.fetch;
  const signIn = async (secret: string) => {
    session.io.stdin = secret;
    return (await session.run('login', gateway.host, '-u', 'robot+ci', '--password-stdin')).exitCode;
  };
  expect(await signIn(made.secret)).toBe(0);
  const listed = JSON.stringify(await json('account', 'robot', 'list'));
  expect(listed).toContain('robot+ci');
  expect(listed).not.toContain(made.secret);

  const { stdout } = await place.run('account', 'robot', 'rotate', 'robot+ci');
  const rotated = /^Secret: (.*)$/m.exec(stdout)?.[1] ?? '';
  expect([await signIn(made.secret), await signIn(rotated)]).toEqual([4, 0]);
  await json('account', 'robot', 'revoke', 'ci');
  expect(await signIn(rotated)).toBe(4);
  expect((await place.run('account', 'robot', 'add', 'x', '--valid', '366d')).exitCode).toBe(2);
  expect((await place.run('account', 'robot', 'rotate', 'ada')).exitCode).toBe(1);
  await session.remove();
});

test('says which tags stay as they are', async () => {
  const rule = { pattern: 'public/**', tags: 'v*' };
  expect(await json('repo', 'immutable', 'add', rule.pattern, rule.tags)).toEqual(rule);
  expect(await json('repo', 'immutable', 'list')).toEqual({ rules: [rule] });
  await json('repo', 'immutable', 'remove', rule.pattern, rule.tags);
  expect(await json('repo', 'immutable', 'list')).toEqual({ rules: [] });
  expect((await place.run('repo', 'immutable', 'remove', rule.pattern, rule.tags)).exitCode).toBe(1);
  expect((await place.run('repo', 'immutable', 'add', 'public/**', '*a*b*')).exitCode).not.toBe(0);
});

test('says where repositories may come to be', async () => {
  await json('repo', 'rule', 'set', 'team/**', 'public');
  const rules = [
    { pattern: 'public/**', visibility: 'public' },
    { pattern: 'team/**', visibility: 'public' },
  ];
  expect(await json('repo', 'rule', 'list')).toEqual({ rules });
  await json('repo', 'rule', 'remove', 'team/**');
  expect(await json('repo', 'rule', 'list')).toEqual({ rules: rules.slice(0, 1) });
});
