import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DOCKER_MANIFEST } from '@dockchains/oci';
import {
  buildImage,
  buildIndex,
  buildLayer,
  contentOf,
  startGateway,
  type TestGateway,
} from '@dockchains/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ask } from '../graphql/session.ts';
import { readFolder, writeImageFolder, writeOciLayout } from './oci-layout.ts';
import { findMissing, runProgram, saySkipped } from './programs.ts';

const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json';
const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
const PLATFORMS = [
  { architecture: 'amd64', os: 'linux' },
  { architecture: 'arm64', os: 'linux', variant: 'v8' },
];

describe.skipIf(saySkipped('skopeo', findMissing('skopeo')))('skopeo', () => {
  const cleanup = new AsyncDisposableStack();
  let gateway: TestGateway;
  let folder: string;
  let images: string;

  const skopeo = (...args: readonly string[]) =>
    runProgram('skopeo', ['--insecure-policy', ...args], {
      env: { ...process.env, REGISTRY_AUTH_FILE: join(folder, 'auth.json') },
    });
  const copy = (source: string, target: string) =>
    skopeo(
      ...['copy', '--quiet', '--all', '--preserve-digests'],
      ...['--src-tls-verify=false', '--dest-tls-verify=false', source, target],
    );

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dockchains-skopeo-'));
    cleanup.defer(() => rm(folder, { recursive: true }));
    gateway = await startGateway();
    cleanup.defer(() => gateway.close());
    images = `docker://${gateway.host}/public`;
    const { username, password } = gateway.publisher;
    const auth = Buffer.from(`${username}:${password}`).toString('base64');
    const credentials = { auths: { [gateway.host]: { auth } } };
    await writeFile(join(folder, 'auth.json'), JSON.stringify(credentials), { mode: 0o600 });
  });

  afterAll(() => cleanup.disposeAsync());

  test('copies an index of two platforms in and out, by tag and by digest, to the byte', async () => {
    const index = buildIndex(
      PLATFORMS.map((platform) => buildImage({ platform })),
      { platforms: PLATFORMS, annotations: { made: 'for skopeo' } },
    );
    const [source, byTag, byDigest] = [join(folder, 'multi'), join(folder, 'tag'), join(folder, 'digest')];
    await writeOciLayout(source, index, 'multi');

    await copy(`oci:${source}:multi`, `${images}/multi:1`);
    await copy(`${images}/multi:1`, `oci:${byTag}:multi`);
    await copy(`${images}/multi@${index.descriptor.digest}`, `oci:${byDigest}:multi`);

    const blobs = await readFolder(join(source, 'blobs'));
    expect(blobs.size).toBe(2 * 3 + 2 + 1);
    expect(await readFolder(join(byTag, 'blobs'))).toEqual(blobs);
    expect(await readFolder(join(byDigest, 'blobs'))).toEqual(blobs);
  });

  test('copies an image of Docker schema 2 in and out to the byte', async () => {
    const layer = buildLayer();
    const rootfs = { type: 'layers', diff_ids: [layer.diffId] };
    const config = Buffer.from(JSON.stringify({ ...PLATFORMS[0], config: {}, history: [], rootfs }));
    const image = buildImage({
      mediaType: DOCKER_MANIFEST,
      config: contentOf(config, DOCKER_CONFIG),
      layers: [contentOf(layer.bytes, DOCKER_LAYER)],
    });
    const [source, target] = [join(folder, 'schema2'), join(folder, 'schema2-back')];
    await writeImageFolder(source, image);

    await copy(`dir:${source}`, `${images}/schema2:1`);
    await copy(`${images}/schema2:1`, `dir:${target}`);
    expect(await readFolder(target)).toEqual(await readFolder(source));
    expect(await skopeo('inspect', '--raw', '--tls-verify=false', `${images}/schema2:1`)).toBe(
      image.bytes.toString(),
    );
  });

  test('copies between repositories, inspects, lists tags and deletes', async () => {
    const image = buildImage({ platform: { architecture: 'amd64', os: 'linux' } });
    const source = join(folder, 'single');
    await writeOciLayout(source, image, 'single');
    for (const tag of ['b', 'a']) await copy(`oci:${source}:single`, `${images}/single:${tag}`);
    await copy(`${images}/single:a`, `${images}/copy:a`);

    const inspect = async (name: string) =>
      parse(await skopeo('inspect', '--no-tags', '--tls-verify=false', `${images}/${name}`));
    const { digest } = image.descriptor;
    expect(await inspect('copy:a')).toMatchObject({ Digest: digest, Architecture: 'amd64', Os: 'linux' });
    const tags = await skopeo('list-tags', '--tls-verify=false', `${images}/single`);
    expect(parse(tags)).toMatchObject({ Tags: ['a', 'b'] });

    // By tag skopeo deletes the manifest that the tag names, and so every tag of it.
    await skopeo('delete', '--tls-verify=false', `${images}/single:a`);
    await expect(inspect('single:b')).rejects.toThrow('manifest unknown');
    expect(await inspect(`copy@${digest}`)).toMatchObject({ Digest: digest });
  });

  test('signs in as a robot, which sets no immutable tag anew and is over when it is revoked', async () => {
    const administer = async (mutation: string) => {
      const token = await gateway.token(gateway.operator, 'repository:**:admin');
      const { data, codes } = await ask(gateway, `mutation { ${mutation} }`, { token });
      expect(codes).toEqual([]);
      return data;
    };
    const policies = '[{ pattern: "public/robot", actions: [PUSH, TAG_CREATE, TAG_MOVE] }]';
    const made = await administer(`createRobot(name: "ci", policies: ${policies}) { secret }`);
    const { secret } = (made as { createRobot: { secret: string } }).createRobot;
    await administer('addImmutableTagRule(pattern: "public/robot", tags: "v*") { tags }');
    const authfile = join(folder, 'robot.json');
    const login = [
      'login',
      '--tls-verify=false',
      '--authfile',
      authfile,
      '-u',
      'robot+ci',
      '--password-stdin',
    ];
    await runProgram('skopeo', [...login, gateway.host], { input: secret });
    const push = async (name: string, tag: string) => {
      const source = join(folder, name);
      await writeOciLayout(source, buildImage({ annotations: { name } }), name);
      const target = `${images}/robot:${tag}`;
      const copy = ['copy', '--quiet', '--authfile', authfile, '--dest-tls-verify=false'];
      await skopeo(...copy, `oci:${source}:${name}`, target);
    };
    await push('one', 'v1');
    await expect(push('two', 'v1')).rejects.toThrow('immutable');
    await push('two', 'v2');

    await administer('revokeRobot(name: "ci") { disabled }');
    await expect(push('three', 'v3')).rejects.toThrow(/unauthorized/);
  });
});

function parse(json: string): unknown {
  return JSON.parse(json);
}
