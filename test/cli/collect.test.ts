import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import {
  buildImage,
  buildIndex,
  buildLayer,
  type BuiltManifest,
  type Content,
  startGateway,
  type TestGateway,
} from '@dockchains/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Workplace } from '../../apps/cli/test-io.ts';
import { outliveLeases } from '../ageing.ts';
import { ask, push } from '../graphql/session.ts';
import { openWorkplace } from '../workplace.ts';

type Run = {
  readonly dryRun: boolean;
  readonly items: readonly { kind: string; repository: string; digest: string; size: string }[];
  readonly freedFiles: number;
  readonly freedBytes: string;
};
type RunRecord = {
  readonly predicate: { readonly principal: string; readonly blobs: number; readonly bytes: number };
};

const PUBLIC = 'public/app';
const PRIVATE = 'team/app';

let gateway: TestGateway;
let place: Workplace;

beforeAll(async () => {
  gateway = await startGateway();
  place = await openWorkplace(gateway);
  const token = await gateway.token(gateway.operator, 'repository:**:admin');
  const rule = 'mutation { setNamespaceRule(pattern: "team/**", visibility: PRIVATE) { pattern } }';
  expect((await ask(gateway, rule, { token })).codes).toEqual([]);
});
afterAll(async () => {
  await place.remove();
  await gateway.close();
});

const collect = async (...options: string[]): Promise<Run> => {
  const { exitCode, stdout, stderr } = await place.run('collect', ...options, '--json');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout) as Run;
};

const call = async (method: string, repository: string, path: string): Promise<number> => {
  const token = await gateway.token(gateway.operator, `repository:${repository}:pull,delete`);
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${gateway.url}/v2/${repository}/${path}`, { method, headers })).status;
};

/** Who may not push asks: that a blob is there keeps it for nobody. */
const isThere = async ({ descriptor }: Content): Promise<boolean> =>
  (await fetch(`${gateway.url}/v2/${PUBLIC}/blobs/${descriptor.digest}`)).ok;

const listFiles = async (): Promise<string> => {
  const names = await readdir(join(gateway.dataDir, 'blobs', 'blobs'), { recursive: true });
  return names.sort().join('\n');
};

const itemsOf = (kind: string, repository: string, contents: readonly Content[]) =>
  contents.map(({ descriptor: { digest, size } }) => ({ kind, repository, digest, size: `${size}` }));
const byDigest = (items: Run['items']) => [...items].sort((a, b) => (a.digest < b.digest ? -1 : 1));
const bytesOf = (contents: readonly Content[]): number =>
  contents.reduce((sum, { bytes }) => sum + bytes.length, 0);

/** What a ledger says of the collections so far. */
const recordsOf = async (ledger: string): Promise<RunRecord['predicate'][]> => {
  const token = await gateway.token(gateway.operator, 'repository:**:admin');
  const query = `{ ledger(origin: "acme.example/ledger/${ledger}") { entries(first: 100) { nodes { kind statement } } } }`;
  const { data } = await ask(gateway, query, { token });
  type Entries = { entries: { nodes: { kind: string; statement: string }[] } };
  return (data as { ledger: Entries }).ledger.entries.nodes
    .filter(({ kind }) => kind === 'collection-run')
    .map(({ statement }) => (JSON.parse(statement) as RunRecord).predicate);
};

test('what a deleted image alone needed goes, as the dry run said, and is on record', async () => {
  const shared = buildLayer();
  const kept = buildImage({ layers: [shared] });
  const gone = buildImage({ layers: [shared, buildLayer()] });
  const hidden = buildImage();
  await push(gateway, kept, { repository: PUBLIC, tag: '1.0' });
  await push(gateway, gone, { repository: PUBLIC, tag: '2.0' });
  await push(gateway, hidden, { repository: PRIVATE, tag: '1.0' });
  const unneeded = [gone, ...gone.blobs.filter((one) => one !== shared)];
  const unneededInside = [hidden, ...hidden.blobs];

  await outliveLeases(gateway.databaseUrl);
  expect(await collect('--dry-run')).toMatchObject({ items: [], freedFiles: 0, freedBytes: '0' });

  expect(await call('DELETE', PUBLIC, `manifests/${gone.descriptor.digest}`)).toBe(202);
  expect(await call('DELETE', PRIVATE, `manifests/${hidden.descriptor.digest}`)).toBe(202);
  expect(await collect()).toMatchObject({ items: [], freedFiles: 0 }); // a deletion leaves leases
  await outliveLeases(gateway.databaseUrl);

  const before = await listFiles();
  const said = await collect('--dry-run');
  expect(said).toMatchObject({
    ...{ dryRun: true, untagged: false, freedFiles: unneeded.length + unneededInside.length },
    freedBytes: `${bytesOf([...unneeded, ...unneededInside])}`,
  });
  expect(byDigest(said.items)).toEqual(
    byDigest([...itemsOf('CONTENT', PUBLIC, unneeded), ...itemsOf('CONTENT', PRIVATE, unneededInside)]),
  );
  expect(await listFiles()).toBe(before);
  expect(await Promise.all(gone.blobs.map(isThere))).toEqual(gone.blobs.map(() => true));
  expect([await recordsOf('public'), await recordsOf('private')]).toEqual([[], []]);

  const done = await collect();
  expect({ ...done, items: byDigest(done.items) }).toEqual({
    ...said,
    items: byDigest(said.items),
    dryRun: false,
  });
  const after = await listFiles();
  for (const { descriptor } of [...unneeded, ...unneededInside]) {
    const [, hex = ''] = descriptor.digest.split(':');
    expect(before).toContain(hex);
    expect(after).not.toContain(hex);
  }
  expect(await Promise.all(gone.blobs.map(isThere))).toEqual(gone.blobs.map((one) => one === shared));
  expect(await Promise.all(kept.blobs.map(isThere))).toEqual(kept.blobs.map(() => true));
  expect(await call('GET', PUBLIC, 'manifests/1.0')).toBe(200);

  const principal = expect.stringMatching(/^[0-9a-f]{32}$/) as unknown;
  await expect
    .poll(async () => [await recordsOf('public'), await recordsOf('private')])
    .toMatchObject([
      [{ principal, blobs: unneeded.length, bytes: bytesOf(unneeded) }],
      [{ principal, blobs: unneededInside.length, bytes: bytesOf(unneededInside) }],
    ]);
  expect((await place.run('collect')).stdout).toBe('Deleted 0 manifests and removed 0 files of 0 bytes.\n');
});

test('manifests that no tag reaches go where that is asked for, as the dry run said', async () => {
  const repository = 'public/untagged';
  const children = [buildImage(), buildImage()];
  const index = buildIndex(children);
  const [moved, pinned] = [buildImage(), buildImage()];
  for (const image of [...children, index]) {
    await push(gateway, image, { repository, tag: image === index ? 'index' : image.descriptor.digest });
  }
  await push(gateway, moved, { repository, tag: 'latest' });
  await push(gateway, pinned, { repository, tag: 'latest' });

  await outliveLeases(gateway.databaseUrl);
  const said = await collect('--untagged', '--dry-run');
  expect(said.items).toEqual(itemsOf('MANIFEST', repository, [moved]));
  const status = async (image: BuiltManifest): Promise<number> =>
    call('GET', repository, `manifests/${image.descriptor.digest}`);
  expect(await status(moved)).toBe(200);
  expect((await collect()).items).toEqual([]);
  expect(await status(moved)).toBe(200);

  const { stdout } = await place.run('collect', '--untagged');
  expect(stdout).toContain(moved.descriptor.digest);
  expect(stdout).toContain('Deleted 1 manifest and removed 0 files of 0 bytes. What only they needed goes');
  expect(await status(moved)).toBe(404);
  for (const image of [...children, index, pinned]) expect(await status(image)).toBe(200);
  await outliveLeases(gateway.databaseUrl);
  const { items } = await collect('--untagged');
  expect(byDigest(items)).toEqual(byDigest(itemsOf('CONTENT', repository, [moved, ...moved.blobs])));
});
