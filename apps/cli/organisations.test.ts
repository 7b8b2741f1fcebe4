import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { chooseGateway, findCredentials } from './gateway.ts';
import { readOrganisations, rememberOrganisation } from './organisations.ts';
import { createWorkplace, type Workplace } from './test-io.ts';

const OPERATOR = { username: 'operator', password: 'o' };
const PUBLISHER = { username: 'publisher', password: 'p' };
const ACME = {
  name: 'acme.example',
  registry: '127.0.0.1:5000',
  graphql: 'http://127.0.0.1:5000/graphql',
  credentials: { operator: OPERATOR, publisher: PUBLISHER },
};
const GLOBEX = { name: 'globex.example', registry: 'registry.globex.example' };

let place: Workplace;

beforeEach(async () => {
  place = await createWorkplace();
});
afterEach(async () => {
  await place.remove();
});

async function put(path: string, content: unknown): Promise<void> {
  await mkdir(dirname(join(place.folder, path)), { recursive: true });
  await writeFile(join(place.folder, path), typeof content === 'string' ? content : JSON.stringify(content));
}

const federation = (...organisations: unknown[]) =>
  put('.dockchains/federation.json', { version: 1, organisations });
const config = (...organisations: unknown[]) =>
  put('.config/dockchains/config.json', { version: 1, organisations });

test('finds the organisations of the clone from any folder below it', async () => {
  await federation(ACME, GLOBEX);
  const io = { ...place.quiet(), cwd: join(place.folder, 'a/b') };
  expect(await readOrganisations(io)).toMatchObject([
    { name: 'acme.example', url: 'http://127.0.0.1:5000' },
    { name: 'globex.example', url: 'https://registry.globex.example' },
  ]);
});

test('the own configuration comes first, and keeps the credentials of the same gateway in the clone', async () => {
  await federation(ACME, { ...GLOBEX, credentials: { operator: OPERATOR } });
  await config(
    { name: 'globex.example', registry: '127.0.0.1:9' },
    { name: 'acme.example', registry: ACME.registry },
  );
  expect(await readOrganisations(place.quiet())).toMatchObject([
    { name: 'globex.example', registry: '127.0.0.1:9', credentials: {} },
    { name: 'acme.example', credentials: { operator: OPERATOR } },
  ]);
});

test('remembers an organisation in the place of one of that name', async () => {
  const io = place.quiet();
  const first = { name: 'a.example', registry: '127.0.0.1:1', url: 'http://127.0.0.1:1', fingerprint: 'A' };
  const second = { name: 'a.example', registry: 'r.example:2', url: 'http://r.example:2', fingerprint: 'B' };
  await rememberOrganisation(io, first);
  await rememberOrganisation(io, second);
  expect(await readOrganisations(io)).toEqual([{ ...second, credentials: {} }]);
});

test.each(['{', '{"version":2,"organisations":[]}', '{"version":1,"organisations":[{"name":"NO"}]}'])(
  'says so of a file that it does not understand: %s',
  async (content) => {
    await put('.config/dockchains/config.json', content);
    await expect(readOrganisations(place.quiet())).rejects.toMatchObject({ code: 'BAD_CONFIGURATION' });
  },
);

test.each([
  { text: undefined, url: 'http://127.0.0.1:5000' },
  { text: 'acme.example', url: 'http://127.0.0.1:5000' },
  { text: '127.0.0.1:5000', url: 'http://127.0.0.1:5000' },
  { text: 'http://127.0.0.1:5000/', url: 'http://127.0.0.1:5000' },
  { text: 'other.example:444', url: 'https://other.example:444' },
  { text: 'http://other.example:80/x', url: 'http://other.example' },
])('chooses the gateway for $text', async ({ text, url }) => {
  await federation(ACME);
  expect(await chooseGateway(place.quiet(), text)).toMatchObject({ url });
});

test('does not choose among several, nor from none', async () => {
  await expect(chooseGateway(place.quiet(), undefined)).rejects.toMatchObject({ code: 'USAGE' });
  await federation(ACME, GLOBEX);
  await expect(chooseGateway(place.quiet(), undefined)).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('--registry acme.example') as string,
  });
  await expect(chooseGateway(place.quiet(), 'no host!')).rejects.toMatchObject({ code: 'USAGE' });
});

test("uses Docker's credentials to read, and the clone's operator to administer", async () => {
  await federation(ACME);
  const gateway = await chooseGateway(place.quiet(), undefined);
  expect(await findCredentials(place.quiet(), gateway, 'publisher')).toEqual(PUBLISHER);
  await put('.docker/config.json', {
    auths: { [ACME.registry]: { auth: Buffer.from('ada:x').toString('base64') } },
  });
  expect(await findCredentials(place.quiet(), gateway, 'publisher')).toEqual({
    username: 'ada',
    password: 'x',
  });
  expect(await findCredentials(place.quiet(), gateway, 'operator')).toEqual(OPERATOR);
});
