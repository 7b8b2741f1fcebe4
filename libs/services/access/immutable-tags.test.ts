import { type Database, openDatabase } from '@dockchains/database';
import { createTestDatabase, type TestDatabase } from '@dockchains/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createImmutableTags, type ImmutableTagRules, keyOfRule } from './immutable-tags.ts';
import { isTagGlob, matchesTag } from './tag-glob.ts';

let testDatabase: TestDatabase;
let database: Database;
let rules: ImmutableTagRules;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  rules = createImmutableTags(database, () => new Date('2026-01-01T00:00:00Z'));
});

beforeEach(async () => {
  await database.prisma.immutableTag.deleteMany();
});

afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

const code = (value: string): unknown => expect.objectContaining({ code: value });

describe('tag globs', () => {
  test.each([
    { glob: 'v1', covers: ['v1'], not: ['v10', 'av1', 'V1'] },
    { glob: 'v*', covers: ['v', 'v1.0', 'v*'], not: ['1v'] },
    { glob: '*', covers: ['latest', '1.0'], not: [] },
    { glob: '*-rc*', covers: ['1.0-rc1', '-rc'], not: ['1.0', 'rc1'] },
    { glob: 'a*a', covers: ['aa', 'aba'], not: ['a', 'ab'] },
    { glob: '1.*', covers: ['1.0'], not: ['120'] },
    { glob: '*aa*', covers: ['aa'], not: ['a'] },
    { glob: '***', covers: [], not: ['latest'] },
  ])('$glob covers what it says', ({ glob, covers, not }) => {
    expect(covers.filter((tag) => !matchesTag(glob, tag))).toEqual([]);
    expect(not.filter((tag) => matchesTag(glob, tag))).toEqual([]);
  });

  test.each(['', '.a', '-a', 'a b', 'a/b', 'a\0', '*a*b*', 'x'.repeat(129)])('%j is none', (text) => {
    expect(isTagGlob(text)).toBe(false);
  });
});

describe('immutable tags', () => {
  test('are those that a rule of the repository covers, from the next question on', async () => {
    const before = await rules.findImmutableTags('team/app');
    await rules.addImmutableRule({ pattern: 'team/**', tags: 'v*' });
    const tags = await rules.findImmutableTags('team/app');
    expect(['v1', 'latest'].map((tag) => tags.has(tag))).toEqual([true, false]);
    expect((await rules.findImmutableTags('other/app')).has('v1')).toBe(false);
    expect(before.has('v1')).toBe(false);

    await rules.removeImmutableRule({ pattern: 'team/**', tags: 'v*' });
    expect((await rules.findImmutableTags('team/app')).has('v1')).toBe(false);
  });

  test('a rule is added once, and listed page by page', async () => {
    const all = ['b', 'a', 'a*', 'a/**'].flatMap((pattern) => ['v*', '*'].map((tags) => ({ pattern, tags })));
    for (const rule of [...all, ...all]) await rules.addImmutableRule(rule);
    const listed = [];
    for (let after = ''; ;) {
      const page = await rules.listImmutableRules({ after, limit: 3 });
      listed.push(...page);
      const last = page.at(-1);
      if (last === undefined) break;
      after = keyOfRule(last);
    }
    expect(listed.map(keyOfRule)).toEqual(all.map(keyOfRule).sort());
  });

  test.each([
    { pattern: 'A', tags: '*' },
    { pattern: 'a', tags: '' },
    { pattern: 'a', tags: 'a b' },
  ])('a rule of $pattern and $tags is refused', async (rule) => {
    await expect(rules.addImmutableRule(rule)).rejects.toEqual(code('INVALID_INPUT'));
    await expect(rules.removeImmutableRule(rule)).rejects.toEqual(code('RULE_UNKNOWN'));
  });

  test('there are at most 200 rules, and one that is there may be added again', async () => {
    const data = Array.from({ length: 200 }, (_, n) => ({ pattern: `team/${n}`, tags: '*' }));
    await database.prisma.immutableTag.createMany({ data });
    await expect(rules.addImmutableRule({ pattern: 'more', tags: '*' })).rejects.toEqual(
      code('LIMIT_REACHED'),
    );
    await rules.addImmutableRule({ pattern: 'team/7', tags: '*' });
  });
});
