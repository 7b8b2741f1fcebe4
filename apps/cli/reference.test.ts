import { expect, test } from 'vitest';

import type { KnownOrganisation } from './organisations.ts';
import { localName, parseTarget } from './reference.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const ACME = known('acme.example', '127.0.0.1:5000');
const GLOBEX = known('globex.example', '127.0.0.1:5001');

function known(name: string, registry: string): KnownOrganisation {
  return { name, registry, url: `http://${registry}`, fingerprint: undefined, credentials: {} };
}

test.each([
  { text: '127.0.0.1:5000/public/app:1.0', organisation: 'acme.example', local: 'public/app:1.0' },
  { text: 'acme.example/public/app:1.0', organisation: 'acme.example', local: 'public/app:1.0' },
  { text: `globex.example/app@${DIGEST}`, organisation: 'globex.example', local: `app@${DIGEST}` },
  { text: `globex.example/app:2@${DIGEST}`, organisation: 'globex.example', local: `app:2@${DIGEST}` },
  { text: 'acme.example/app', organisation: 'acme.example', local: 'app:latest' },
])('reads $text', ({ text, organisation, local }) => {
  const target = parseTarget(text, [ACME, GLOBEX]);
  expect(target.organisation?.name).toBe(organisation);
  expect(localName(target)).toBe(local);
});

test('takes a bare name for the one organisation that is known', () => {
  expect(parseTarget('public/app:1.0', [ACME])).toMatchObject({
    url: 'http://127.0.0.1:5000',
    organisation: ACME,
  });
});

test('dials a host that no organisation has, by TLS but on this machine', () => {
  expect(parseTarget('registry.example:8443/app:1', [ACME])).toMatchObject({
    organisation: undefined,
    url: 'https://registry.example:8443',
  });
  expect(parseTarget('localhost:5005/app:1', [])).toMatchObject({ url: 'http://localhost:5005' });
});

test.each([
  { name: 'a bare name among several organisations', text: 'app:1', organisations: [ACME, GLOBEX] },
  { name: 'a bare name where none is known', text: 'app:1', organisations: [] },
  { name: 'an uppercase repository', text: 'acme.example/App:1', organisations: [ACME] },
  { name: 'a bad tag', text: 'acme.example/app:-1', organisations: [ACME] },
  { name: 'a short digest', text: 'acme.example/app@sha256:abcd', organisations: [ACME] },
  {
    name: 'a host that two organisations share',
    text: '127.0.0.1:5000/app:1',
    organisations: [ACME, known('b.example', '127.0.0.1:5000')],
  },
])('refuses $name', ({ text, organisations }) => {
  expect(() => parseTarget(text, organisations)).toThrow(expect.objectContaining({ code: 'USAGE' }));
});
