import { expect, test } from 'vitest';

import { findNamespace } from './namespace.ts';

const names = { organisation: 'acme.example', publicUrl: 'https://registry.acme.example:8443' };
const find = (search: string): string | undefined => findNamespace(new URLSearchParams(search), names);

test.each([
  { search: '', namespace: undefined },
  { search: 'n=1', namespace: undefined },
  { search: 'ns=acme.example', namespace: 'acme.example' },
  { search: 'ns=Acme.Example', namespace: 'Acme.Example' },
  { search: 'ns=acme.example&ns=acme.example', namespace: 'acme.example' },
  { search: 'ns=registry.acme.example%3A8443', namespace: 'registry.acme.example:8443' },
])('gives $namespace for "$search"', ({ search, namespace }) => {
  expect(find(search)).toBe(namespace);
});

test.each([
  'ns=',
  'ns=docker.io',
  'ns=acme.example.evil.example',
  'ns=registry.acme.example',
  'ns=acme.example&ns=docker.io',
  'ns=acme.example%0d%0aset-cookie:x',
  'ns=https://acme.example',
])('knows nothing of "%s"', (search) => {
  expect(() => find(search)).toThrow(expect.objectContaining({ code: 'NAME_UNKNOWN', status: 404 }) as Error);
});
