import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { buildImage, startGateway } from '@dockchains/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startCommandLine } from './command-line.ts';

const ENTRY = join(import.meta.dirname, '../../apps/cli/dockchains.mjs');
const APP = 'acme.example/public/app:1.0';
const SOURCE = 'https://git.example/app';

const { gateway, place, login, json, push, close } = await startCommandLine();
const image = buildImage({
  annotations: { 'org.opencontainers.image.source': SOURCE },
  platform: { os: 'linux', architecture: 'arm64' },
});

beforeAll(() => push(image, '1.0'));
afterAll(close);

describe('a publisher', () => {
  test('signs in, which pins the key of the ledger and leaves credentials to docker', async () => {
    const first = await login(gateway.publisher);
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    expect(first.stdout).toContain('Pinned on first contact');
    expect(first.stdout).not.toContain(gateway.publisher.password);
    expect((await login(gateway.publisher)).stdout).not.toContain('Pinned on first contact');
    const docker = join(place.folder, '.docker/config.json');
    expect((await stat(docker)).mode & 0o777).toBe(0o600);
    expect(await readFile(docker, 'utf8')).toContain(gateway.host);
  });

  test('is refused with a wrong password', async () => {
    const { exitCode, stderr } = await login({ username: 'publisher', password: 'wrong-password-1' });
    expect(exitCode).toBe(4);
    expect(stderr).not.toContain('wrong-password-1');
    expect(await login(gateway.publisher)).toMatchObject({ exitCode: 0 });
  });

  test('inspects what was pushed, and sees its record', async () => {
    const seen = await json('inspect', APP);
    expect(seen).toMatchObject({
      digest: image.descriptor.digest,
      platforms: ['linux/arm64'],
      annotations: { 'org.opencontainers.image.source': SOURCE },
      layers: [{ mediaType: expect.any(String) as string }, {}],
      record: { kind: 'tag-set', principal: expect.any(String) as string },
      ledger: { origin: 'acme.example/ledger/public', frozen: null },
    });
    const { stdout } = await place.run('inspect', `${gateway.host}/public/app@${image.descriptor.digest}`);
    expect(stdout).toContain(SOURCE);
  });

  test('proves it into a file', async () => {
    const proved = await json('prove', APP, '-o', 'app.tlog-proof');
    expect(proved).toMatchObject({ verified: true, record: { tag: '1.0', digest: image.descriptor.digest } });
    expect(await readFile(join(place.folder, 'app.tlog-proof'), 'utf8')).toMatch(
      /^c2sp\.org\/tlog-proof@v1\n/,
    );
    expect(await json('prove', APP)).toMatchObject({ path: join(place.folder, 'app-1.0.tlog-proof') });
  });

  test('verifies it against the gateway, by tag and by digest', async () => {
    const { exitCode, stdout } = await place.run('verify', APP);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('later moves are not excluded, and the gateway answers now that it still is');
    const byDigest = `acme.example/public/app@${image.descriptor.digest}`;
    expect(await json('verify', byDigest)).toMatchObject({ verified: true, checkedOnline: true });
  });

  test('sees that a tag has moved from what it is asked to be', async () => {
    await push(buildImage(), 'moving');
    const before = (await json('inspect', 'public/app:moving')) as { digest: string };
    await push(buildImage(), 'moving');
    const { exitCode, stderr } = await place.run('verify', `public/app:moving@${before.digest}`);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('The tag has moved');
    expect((await place.run('verify', 'public/app:moving')).exitCode).toBe(0);
  });

  test('finds no proof of what is not there', async () => {
    expect(await place.run('verify', 'public/app:absent')).toMatchObject({ exitCode: 1, stdout: '' });
    expect(await place.run('prove', 'public/absent:1.0')).toMatchObject({ exitCode: 1, stdout: '' });
  });

  test('lists repositories and tags', async () => {
    const repository = { name: 'public/app', visibility: 'public' };
    expect(await json('repo', 'list')).toMatchObject({ repositories: [repository] });
    expect(await json('repo', 'show', 'public/app')).toMatchObject({
      ...repository,
      tags: ['1.0', 'moving'],
    });
    expect((await place.run('repo', 'tags', 'public/app')).stdout).toBe('1.0\nmoving\n');
  });

  // Each of the three pushes published a manifest and set a tag.
  test('audits the ledger, and sees its state', async () => {
    expect(await json('audit', `${gateway.url}/log/public`)).toMatchObject({ good: true, size: '6' });
    expect(await json('status')).toMatchObject({
      organisations: [
        {
          ...{ name: 'acme.example', good: true },
          ledgers: [
            { origin: 'acme.example/ledger/public', size: '6', publishedSize: '6', queued: 0 },
            { origin: 'acme.example/ledger/private', size: '0', publishedSize: '0', queued: 0 },
          ],
          ...{ peers: [], equivocations: [], undecidedHeads: [], closedLedgers: [], deadLetters: null },
          catalog: { rebuilding: false, ledgers: [{ publishedSize: '6' }, { publishedSize: '0' }] },
        },
      ],
    });
    expect((await place.run('status')).stdout).toMatch(
      /^acme\.example +acme\.example\/ledger\/public +[0-9]+ of 6 /m,
    );
  });

  test('says what to do about a ledger that the policy has no key of', async () => {
    const policy = join(place.folder, 'other.policy');
    await writeFile(policy, 'quorum none\n');
    const { exitCode, stdout } = await place.run('status', '--policy', policy);
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`the policy has no key of it; "dockchains login ${gateway.host}" pins one`);
  });

  test('searches, once the catalog has followed', async () => {
    expect(await json('search', 'ap')).toMatchObject({ matches: 0 });
    await expect
      .poll(() => json('search', 'app', '--organisation', 'acme.example'))
      .toMatchObject({
        matches: 1,
        repositories: [{ name: 'public/app', organisation: 'acme.example', visibility: 'public' }],
      });
    const { stdout } = await place.run('search', 'public', 'app');
    expect(stdout).toMatch(/^public\/app +acme\.example +public /m);
    expect((await place.run('search', 'app', '--limit', '0')).exitCode).toBe(2);
  });

  test('may not administer', async () => {
    expect((await place.run('catalog', 'rebuild')).exitCode).toBe(4);
    expect((await place.run('account', 'list')).exitCode).toBe(4);
    expect((await place.run('repo', 'rule', 'list')).exitCode).toBe(4);
  });
});

test('a ledger that presents another key is refused before the password is sent', async () => {
  const other = await startGateway();
  try {
    const { exitCode, stderr } = await login(gateway.publisher, other.host);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('HAS CHANGED');
  } finally {
    await other.close();
  }
});

describe('with the gateway stopped and the network off', () => {
  beforeAll(async () => {
    const { exitCode } = await place.run('prove', APP, '-o', 'offline.tlog-proof');
    expect(exitCode).toBe(0);
    await gateway.stop();
  });

  // libs/client/evidence.test.ts does it with every bit.
  test('no bit of the bundle can be another, and the command says what is wrong', async () => {
    const bundle = await readFile(join(place.folder, 'offline.tlog-proof'));
    const reasons = new Set<string>();
    for (let bit = 0; bit < bundle.length * 8; bit += 13) {
      const flipped = Buffer.from(bundle);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      await writeFile(join(place.folder, 'flipped.tlog-proof'), flipped);
      const { exitCode, stdout, stderr } = await place.run('verify', APP, '--bundle', 'flipped.tlog-proof');
      expect({ bit, exitCode, stdout }).toEqual({ bit, exitCode: 1, stdout: '' });
      expect(stderr.length).toBeGreaterThan(20);
      reasons.add(stderr);
    }
    expect(reasons.size).toBeGreaterThan(5);
  });

  test('the bundle still verifies', async () => {
    const child = spawnOffline(['verify', APP, '--bundle', 'offline.tlog-proof']);
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    expect({ exitCode: child.exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain(`set public/app:1.0 to ${image.descriptor.digest}`);
  });

  test.each(['inspect', 'prove', 'verify'])('%s says that the gateway is unreachable', async (command) => {
    const { exitCode, stderr } = await place.run(command, APP);
    expect(exitCode).toBe(3);
    expect(stderr).toContain('ECONNREFUSED');
  });

  test('status shows it in its row', async () => {
    const { exitCode, stdout } = await place.run('status');
    expect(exitCode).toBe(3);
    expect(stdout).toContain('acme.example');
  });
});

/** Runs the command without a network: in a network namespace of its own where that is allowed, else behind a proxy that nobody runs. */
function spawnOffline(argv: readonly string[]) {
  const canUnshare = spawnSync('unshare', ['-n', 'true']).status === 0;
  const proxy = 'http://127.0.0.1:1';
  return spawn(
    canUnshare ? 'unshare' : process.execPath,
    [...(canUnshare ? ['-n', process.execPath] : []), ENTRY, ...argv],
    {
      cwd: place.folder,
      env: {
        PATH: process.env.PATH,
        HOME: place.folder,
        NODE_USE_ENV_PROXY: '1',
        http_proxy: proxy,
        https_proxy: proxy,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
}
