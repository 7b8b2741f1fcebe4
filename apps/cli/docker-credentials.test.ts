import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { findDockerCredentials, storeDockerCredentials } from './docker-credentials.ts';
import { createWorkplace, type Workplace } from './test-io.ts';

const REGISTRY = '127.0.0.1:5000';
const ADA = { username: 'ada', password: 'se:cret' };

let place: Workplace;

beforeEach(async () => {
  place = await createWorkplace();
});
afterEach(async () => {
  await place.remove();
});

async function writeConfig(config: unknown, path = '.docker/config.json'): Promise<void> {
  await mkdir(dirname(join(place.folder, path)), { recursive: true });
  await writeFile(join(place.folder, path), typeof config === 'string' ? config : JSON.stringify(config));
}

/** Puts a credential program on the path that keeps what it is told in a file of its own. */
async function addHelper(name: string, script: string): Promise<void> {
  const path = join(place.folder, 'bin', `docker-credential-${name}`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  place.io.env.PATH = `${join(place.folder, 'bin')}:${place.io.env.PATH ?? ''}`;
}

test('gives back what it stored, in a file that nobody else can read', async () => {
  const path = await storeDockerCredentials(place.quiet(), REGISTRY, ADA);
  expect(await findDockerCredentials(place.quiet(), REGISTRY)).toEqual(ADA);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('keeps what else Docker has in its file', async () => {
  await writeConfig({ proxies: { default: {} }, auths: { 'other.example': { auth: 'eDp5', email: 'a@b' } } });
  const path = await storeDockerCredentials(place.quiet(), REGISTRY, ADA);
  const kept = { proxies: { default: {} }, auths: { 'other.example': { auth: 'eDp5', email: 'a@b' } } };
  expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject(kept);
});

test('respects DOCKER_CONFIG', async () => {
  place.io.env.DOCKER_CONFIG = join(place.folder, 'elsewhere');
  expect(await storeDockerCredentials(place.quiet(), REGISTRY, ADA)).toBe(
    join(place.folder, 'elsewhere/config.json'),
  );
});

test.each([
  { name: 'its host', key: REGISTRY },
  { name: 'a URL', key: `https://${REGISTRY}` },
])('finds a registry under $name', async ({ key }) => {
  await writeConfig({ auths: { [key]: { auth: Buffer.from('ada:se:cret').toString('base64') } } });
  expect(await findDockerCredentials(place.quiet(), REGISTRY)).toEqual(ADA);
});

test.each([
  { name: 'no file', config: undefined },
  { name: 'an empty entry', config: { auths: { [REGISTRY]: {} } } },
  { name: 'an entry without a colon', config: { auths: { [REGISTRY]: { auth: 'eA==' } } } },
  { name: 'another registry', config: { auths: { 'other.example': { auth: 'eDp5' } } } },
])('finds nothing with $name', async ({ config }) => {
  if (config !== undefined) await writeConfig(config);
  expect(await findDockerCredentials(place.quiet(), REGISTRY)).toBeUndefined();
});

test('asks the program that is configured for the registry before the one for all', async () => {
  await addHelper(
    'mine',
    `read host; test "$1 $host" = "get ${REGISTRY}" && echo '{"Username":"ada","Secret":"se:cret"}'`,
  );
  await writeConfig({ credsStore: 'other', credHelpers: { [REGISTRY]: 'mine' } });
  expect(await findDockerCredentials(place.quiet(), REGISTRY)).toEqual(ADA);
});

test('stores with the program that is configured, and nothing in the file', async () => {
  await addHelper('mine', `cat > "$HOME_OF_TEST/$1"`);
  place.io.env.HOME_OF_TEST = place.folder;
  await writeConfig({ credsStore: 'mine' });
  expect(await storeDockerCredentials(place.quiet(), REGISTRY, ADA)).toBe('docker-credential-mine');
  const stored: unknown = JSON.parse(await readFile(join(place.folder, 'store'), 'utf8'));
  expect(stored).toEqual({ ServerURL: REGISTRY, Username: 'ada', Secret: 'se:cret' });
  expect(await readFile(join(place.folder, '.docker/config.json'), 'utf8')).not.toContain('auths');
});

test('finds nothing when the program knows nothing', async () => {
  await addHelper('mine', 'exit 1');
  await writeConfig({ credsStore: 'mine' });
  expect(await findDockerCredentials(place.quiet(), REGISTRY)).toBeUndefined();
});

test.each([
  { name: 'a program that is not there', config: { credsStore: 'absent' } },
  { name: 'a file that is not JSON', config: '{' },
])('says so of $name', async ({ config }) => {
  await writeConfig(config);
  await expect(findDockerCredentials(place.quiet(), REGISTRY)).rejects.toMatchObject({
    code: 'BAD_CONFIGURATION',
  });
});

test('does not run a program from another folder', async () => {
  await writeConfig({ credsStore: '../evil', auths: { [REGISTRY]: { auth: 'YWRhOnNlOmNyZXQ=' } } });
  expect(await findDockerCredentials(place.quiet(), REGISTRY)).toEqual(ADA);
});
