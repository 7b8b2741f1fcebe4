import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { encodePatternExpression, isPattern, matchesPattern, parsePattern } from './glob.ts';

const component = fc.stringMatching(/^[a-z0-9]{1,4}([._-][a-z0-9]{1,3})?$/);
const repository = fc.array(component, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/'));

describe('patterns', () => {
  test.each([
    { pattern: '**', yes: ['a', 'a/b', 'a.b/c-d/e'], no: [''] },
    {
      pattern: 'public/**',
      yes: ['public/a', 'public/a/b'],
      no: ['public', 'public2/a', 'a/public/b', 'publi'],
    },
    { pattern: 'team/*', yes: ['team/a', 'team/a.b'], no: ['team/a/b', 'team'] },
    { pattern: '*', yes: ['a'], no: ['a/b'] },
    { pattern: 'team/app-*', yes: ['team/app-1'], no: ['team/app', 'team/app-1/x'] },
    { pattern: '**/base', yes: ['base', 'a/base', 'a/b/base'], no: ['abase', 'base/a'] },
    { pattern: 'a/**/z', yes: ['a/z', 'a/b/z', 'a/b/c/z'], no: ['az', 'a/bz'] },
    { pattern: 'a.b', yes: ['a.b'], no: ['axb'] },
    { pattern: 'team/app', yes: ['team/app'], no: ['team/app/x', 'xteam/app', 'team/ap'] },
  ])('$pattern covers what it says and no more', ({ pattern, yes, no }) => {
    expect(yes.filter((name) => !matchesPattern(pattern, name))).toEqual([]);
    expect(no.filter((name) => matchesPattern(pattern, name))).toEqual([]);
  });

  test.each([
    '',
    '/',
    'a//b',
    '/a',
    'a/',
    'A',
    'a b',
    '***',
    'a**',
    '*a*',
    '**/a/**/b/**',
    '[a]',
    '{a,b}',
    '!a',
    'a\n',
  ])('refuses %j', (text) => {
    expect(() => parsePattern(text)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
    expect(matchesPattern(text, text)).toBe(false);
  });

  test('refuses a pattern of more than 255 characters', () => {
    expect(isPattern('a'.repeat(255))).toBe(true);
    expect(isPattern('a'.repeat(256))).toBe(false);
  });

  test('a name is the pattern of itself and of no other', () => {
    fc.assert(
      fc.property(repository, repository, (name, other) => {
        expect(matchesPattern(name, name)).toBe(true);
        expect(matchesPattern(name, other)).toBe(name === other);
      }),
    );
  });

  test('text of any kind neither throws nor covers by accident', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), repository, (text, name) => {
        fc.pre(!text.includes('*'));
        expect(matchesPattern(text, name)).toBe(text === name);
      }),
    );
  });

  test('the worst pattern is matched at once', () => {
    const pattern = `**/${'a*/'.repeat(20)}**/b`;
    expect(isPattern(pattern)).toBe(true);
    const started = performance.now();
    expect(matchesPattern(pattern, `${'a/'.repeat(126)}a`)).toBe(false);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  test('expressions are anchored at both ends', () => {
    expect(encodePatternExpression('a.b/*/**')).toBe('^a\\.b/[^/]*/.+$');
  });
});
