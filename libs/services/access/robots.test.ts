import { createHash, generateKeyPairSync } from 'node:crypto';

import { type Database, openDatabase } from '@dockchains/database';
import { createTestDatabase, type TestDatabase } from '@dockchains/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { type Access, createAccess } from './access.ts';
import type { Policy, Principal } from './principal.ts';

const PASSWORD = 'a long enough password';
const NOW = new Date('2026-01-01T00:00:00Z');
const HOUR_MS = 3_600_000;
const PUSH = { type: 'repository', name: 'team/app', actions: ['push'] };
const POLICIES: readonly Policy[] = [{ pattern: 'team/**', actions: ['push'] }];

let testDatabase: TestDatabase;
let database: Database;
let access: Access;
let now = NOW;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  const { privateKey: tokenKey } = generateKeyPairSync('ed25519');
  const publicUrl = 'http://127.0.0.1:5000';
  access = createAccess({ database, tokenKey, organisation: 'acme.example', clock: () => now, publicUrl });
});

beforeEach(async () => {
  now = NOW;
  await database.prisma.account.deleteMany();
});

afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

const code = (value: string): unknown => expect.objectContaining({ code: value });
const make = (validHours = 24) => access.createRobot({ name: 'ci', policies: POLICIES, validHours });
const issue = async (password: string, username = 'robot+ci'): Promise<string> =>
  `Bearer ${(await access.issueToken({ username, password }, [PUSH])).token}`;
const mayPush = (principal: Principal): Promise<boolean> => access.allowed(principal, 'push', 'team/app');

describe('a robot', () => {
  test('has a secret that scanners know, is shown once, and is kept as its hash', async () => {
    const { account, secret } = await make();
    expect(account).toMatchObject({
      ...{ username: 'robot+ci', kind: 'robot', policies: POLICIES },
      expiresAt: new Date(NOW.getTime() + 24 * HOUR_MS),
    });
    expect(secret).toMatch(/^dockchains_robot_[A-Za-z0-9_-]{43}$/);
    const row = await database.prisma.account.findUniqueOrThrow({ where: { username: 'robot+ci' } });
    expect(Buffer.from(row.secretHash ?? []).equals(createHash('sha256').update(secret).digest())).toBe(true);
    expect(JSON.stringify([row, await access.findAccount('robot+ci')])).not.toContain(secret);
    await expect(make()).rejects.toEqual(code('ACCOUNT_EXISTS'));
  });

  test('signs in with it, and with nothing else', async () => {
    const { secret } = await make();
    expect(await mayPush(await access.authenticate(await issue(secret)))).toBe(true);
    await access.createAccount({ username: 'ada', password: PASSWORD, policies: [] });
    for (const [password, username] of [
      [`${secret}x`, 'robot+ci'],
      ['', 'robot+ci'],
      [secret, 'robot+other'],
      [secret, 'ada'],
    ] as const) {
      await expect(issue(password, username)).rejects.toEqual(code('BAD_CREDENTIALS'));
    }
  });

  test('that has expired can neither sign in nor use its tokens, not even for its own upload', async () => {
    const { secret, account } = await make(1);
    now = new Date(NOW.getTime() + HOUR_MS - 1000);
    const bearer = await issue(secret);
    const principal = await access.authenticate(bearer);
    expect(await mayPush(principal)).toBe(true);

    now = new Date(NOW.getTime() + HOUR_MS);
    expect(await mayPush(principal)).toBe(false);
    await expect(access.requireCurrent(principal)).rejects.toEqual(code('INVALID_TOKEN'));
    await expect(issue(secret)).rejects.toEqual(code('BAD_CREDENTIALS'));
    now = new Date(NOW.getTime() + 2 * HOUR_MS);
    const uploading = await access.authenticateForUpload(bearer, () => Promise.resolve(account.id));
    await expect(access.require(uploading, 'push', 'team/app')).rejects.toEqual(code('INVALID_TOKEN'));
  });

  test('that is revoked stops at once, and needs a new secret also when it is enabled', async () => {
    const { secret, account } = await make();
    const bearer = await issue(secret);
    const principal = await access.authenticate(bearer);
    await access.revokeRobot('ci');
    await expect(access.require(principal, 'pull', 'team/app')).rejects.toEqual(code('INVALID_TOKEN'));
    await expect(access.findReadable(principal)).rejects.toEqual(code('INVALID_TOKEN'));
    await expect(issue(secret)).rejects.toEqual(code('BAD_CREDENTIALS'));
    await access.enableAccount('robot+ci');
    await expect(issue(secret)).rejects.toEqual(code('BAD_CREDENTIALS'));
    expect(await mayPush(principal)).toBe(false);
    now = new Date(NOW.getTime() + HOUR_MS);
    const uploading = await access.authenticateForUpload(bearer, () => Promise.resolve(account.id));
    expect(await mayPush(uploading)).toBe(false);
  });

  test('that is rotated goes on with the new secret alone', async () => {
    const { secret } = await make(1);
    const old = await access.authenticate(await issue(secret));
    now = new Date(NOW.getTime() + 5 * HOUR_MS);
    const rotated = await access.rotateRobot('ci', 8_760);
    expect(rotated.account.expiresAt).toEqual(new Date(now.getTime() + 8_760 * HOUR_MS));
    expect(rotated.secret).not.toBe(secret);
    await expect(issue(secret)).rejects.toEqual(code('BAD_CREDENTIALS'));
    expect(await mayPush(old)).toBe(false);
    expect(await mayPush(await access.authenticate(await issue(rotated.secret)))).toBe(true);
  });

  test('is listed among accounts, and alone', async () => {
    await make();
    await access.createAccount({ username: 'ada', password: PASSWORD, policies: [] });
    const names = (accounts: readonly { username: string }[]) => accounts.map(({ username }) => username);
    expect(names(await access.listAccounts({ limit: 9 }))).toEqual(['ada', 'robot+ci']);
    expect(names(await access.listAccounts({ limit: 9 }, 'robot'))).toEqual(['robot+ci']);
  });

  test('takes no password, and a person no secret', async () => {
    await make();
    await access.createAccount({ username: 'ada', password: PASSWORD, policies: [] });
    await expect(access.setPassword('robot+ci', PASSWORD)).rejects.toEqual(code('INVALID_INPUT'));
    await expect(access.rotateRobot('ada', 1)).rejects.toEqual(code('ACCOUNT_UNKNOWN'));
    await expect(access.revokeRobot('ada')).rejects.toEqual(code('ACCOUNT_UNKNOWN'));
  });

  test.each([0, 1.5, 8_761, Number.NaN])('is not made for %j hours', async (validHours) => {
    await expect(make(validHours)).rejects.toEqual(code('INVALID_INPUT'));
    expect(await access.findAccount('robot+ci')).toBeUndefined();
  });

  test.each(['', 'A', 'a'.repeat(59)])('is not named %j', async (name) => {
    await expect(access.createRobot({ name, policies: [], validHours: 1 })).rejects.toEqual(
      code('INVALID_INPUT'),
    );
  });
});

test('a new password ends the tokens of the old one', async () => {
  await access.createAccount({ username: 'ada', password: PASSWORD, policies: POLICIES });
  const old = await access.authenticate(await issue(PASSWORD, 'ada'));
  expect(await mayPush(old)).toBe(true);
  await access.setPassword('ada', `another ${PASSWORD}`);
  expect(await mayPush(old)).toBe(false);
});
