import { expect, test } from 'vitest';

import { findOrganisation, keptName, splitOrganisation } from './organisation-name.ts';
import { parseRepositoryName } from './reference.ts';

const OWN = 'acme.example';

test.each([
  ['public/hello', undefined, 'public/hello'],
  ['acme.example/public/hello', undefined, 'public/hello'],
  ['globex.example/public/hello', 'globex.example', 'public/hello'],
  ['globex.example/acme.example/x', 'globex.example', 'acme.example/x'],
  ['public/globex.example/x', undefined, 'public/globex.example/x'],
  ['acme.example', undefined, 'acme.example'],
  ['hello', undefined, 'hello'],
])('%s is of %s and named %s there', (text, organisation, repository) => {
  expect(splitOrganisation(parseRepositoryName(text), OWN)).toEqual({ organisation, repository });
});

test('our own repositories are kept without, others with their organisation', () => {
  expect(keptName(parseRepositoryName('acme.example/public/hello'), OWN)).toBe('public/hello');
  expect(keptName(parseRepositoryName('globex.example/hello'), OWN)).toBe('globex.example/hello');
  expect(keptName(parseRepositoryName('hello'), OWN)).toBe('hello');
});

test('a name without a slash has no organisation, whatever dots it has', () => {
  expect(findOrganisation('my.app')).toBeUndefined();
  expect(findOrganisation('my.app/web')).toBe('my.app');
});
