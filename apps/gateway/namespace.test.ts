import { OciError, parseRepositoryName } from '@dockchains/oci';
import { expect, test } from 'vitest';

import { findNamespace, type Namespace, nameWithin } from './namespace.ts';

const endpointsOf = (registry: string) => ({
  registry,
  log: `https://${registry}/log`,
  witness: `https://${registry}/witness`,
  mirror: `https://${registry}/mirror`,
  graphql: `https://${registry}/graphql`,
  nats: null,
});
const names = {
  organisation: 'acme.example',
  publicUrl: 'https://registry.acme.example:8443',
  peers: {
    list: () =>
      Promise.resolve([
        { organisation: 'globex.example', descriptor: { endpoints: endpointsOf('oci.globex.example:5000') } },
      ]),
  },
};
const find = (search: string): Promise<Namespace | undefined> =>
  findNamespace(new URLSearchParams(search), names);

test.each(['', 'n=1'])('finds no namespace in "%s"', async (search) => {
  expect(await find(search)).toBeUndefined();
});

test.each([
  { search: 'ns=acme.example', host: 'acme.example', organisation: 'acme.example' },
  { search: 'ns=Acme.Example', host: 'Acme.Example', organisation: 'acme.example' },
  { search: 'ns=acme.example&ns=acme.example', host: 'acme.example', organisation: 'acme.example' },
  {
    search: 'ns=registry.acme.example%3A8443',
    host: 'registry.acme.example:8443',
    organisation: 'acme.example',
  },
  { search: 'ns=globex.example', host: 'globex.example', organisation: 'globex.example' },
  { search: 'ns=oci.globex.example:5000', host: 'oci.globex.example:5000', organisation: 'globex.example' },
])('finds $organisation in "$search"', async ({ search, host, organisation }) => {
  expect(await find(search)).toEqual({ host, organisation });
});

test.each([
  'ns=',
  'ns=docker.io',
  'ns=initech.example',
  'ns=oci.globex.example',
  'ns=acme.example.evil.example',
  'ns=registry.acme.example',
  'ns=acme.example&ns=docker.io',
  'ns=acme.example&ns=globex.example',
  'ns=acme.example%0d%0aset-cookie:x',
  'ns=https://acme.example',
])('knows nothing of "%s"', async (search) => {
  await expect(find(search)).rejects.toThrow(
    expect.objectContaining({ code: 'NAME_UNKNOWN', status: 404 }) as Error,
  );
});

test.each([
  { repository: 'public/app', name: 'globex.example/public/app' },
  { repository: 'globex.example/public/app', name: 'globex.example/public/app' },
  { repository: 'acme.example/app', name: 'acme.example/app' },
])('knows what globex calls $repository as $name', ({ repository, name }) => {
  const namespace = { host: 'oci.globex.example:5000', organisation: 'globex.example' };
  expect(nameWithin(namespace, parseRepositoryName(repository))).toBe(name);
});

test('refuses a name that is too long with its organisation', () => {
  const namespace = { host: 'globex.example', organisation: 'globex.example' };
  const longest = parseRepositoryName('a'.repeat(250));
  expect(() => nameWithin(namespace, longest)).toThrow(OciError);
});
