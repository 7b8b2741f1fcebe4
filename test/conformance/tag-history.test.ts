import { buildImage, type BuiltManifest } from '@dockchains/testing';
import { digestOf, OCI_IMAGE_INDEX } from '@dockchains/oci';
import { describe, expect, test } from 'vitest';

import { errorCodeOf, type Reply, type Repository, useRegistry } from './registry.ts';
import { postPut } from './uploads.ts';

// The proposal of distribution-spec's pull request 606, as of autumn 2026.
const TIMESTAMP = 'org.opencontainers.distribution.tag.timestamp';
const EVENT = 'org.opencontainers.distribution.tag.event';

interface Descriptor {
  readonly mediaType: string;
  readonly size: number;
  readonly digest: string;
  readonly annotations: Readonly<Record<string, string>>;
}

const registry = useRegistry();
const open = (name: string): Promise<Repository> => registry.repository(`public/history/${name}`);

async function push(repository: Repository, image: BuiltManifest, tag: string): Promise<string> {
  for (const { bytes, descriptor } of image.blobs) await postPut(repository, bytes, descriptor.digest);
  const headers = { 'content-type': image.descriptor.mediaType };
  const put = await repository.request('PUT', `manifests/${tag}`, { body: image.bytes, headers });
  expect(put.status).toBe(201);
  return put.headers.get('dockchains-record') ?? '';
}

function historyOf(repository: Repository, tag: string, query: Record<string, string> = {}): Promise<Reply> {
  return repository.request('GET', `_oci/tag-history/${tag}`, { query });
}

function eventsOf(reply: Reply): readonly Descriptor[] {
  expect({ status: reply.status, type: reply.headers.get('content-type') }).toEqual({
    status: 200,
    type: OCI_IMAGE_INDEX,
  });
  const { schemaVersion, mediaType, manifests } = JSON.parse(reply.body.toString()) as {
    schemaVersion: number;
    mediaType: string;
    manifests: Descriptor[];
  };
  expect({ schemaVersion, mediaType }).toEqual({ schemaVersion: 2, mediaType: OCI_IMAGE_INDEX });
  return manifests;
}

const told = (events: readonly Descriptor[]): readonly [event: string | undefined, digest: string][] =>
  events.map(({ digest, annotations }) => [annotations[EVENT], digest]);

describe('the history of a tag', () => {
  test('tells moves and deletions, newest first, also when tag and manifests are gone', async () => {
    const repository = await open('told');
    const [one, two] = [buildImage(), buildImage()];
    const [a, b] = [one.descriptor.digest, two.descriptor.digest];
    const first = await push(repository, one, 'app');
    await push(repository, two, 'app');
    await push(repository, two, 'app'); // nothing new
    expect((await repository.request('DELETE', 'manifests/app')).status).toBe(202);
    await push(repository, one, 'app');
    await push(repository, one, 'other');
    expect((await repository.request('DELETE', `manifests/${a}`)).status).toBe(202);

    const events = eventsOf(await historyOf(repository, 'app'));
    expect(told(events)).toEqual([
      ['deleted', a],
      ['created', a],
      ['deleted', b],
      ['created', b],
      ['created', a],
    ]);
    const times = events.map(({ annotations }) => annotations[TIMESTAMP] ?? '');
    expect(times).toEqual(times.toSorted().reverse());
    expect(times.every((time) => new Date(time).toISOString() === time)).toBe(true);
    expect(events.at(-1)).toMatchObject({
      mediaType: one.descriptor.mediaType,
      size: one.descriptor.size,
      annotations: { 'org.dockchains.record': first },
    });
    expect(told(eventsOf(await historyOf(repository, 'other')))).toEqual([
      ['deleted', a],
      ['created', a],
    ]);
  });

  test('names the place of each record in its ledger', async () => {
    const repository = await open('index');
    const record = await push(repository, buildImage(), 'app');
    await expect
      .poll(async () => eventsOf(await historyOf(repository, 'app')))
      .toMatchObject([
        {
          annotations: {
            'org.dockchains.record': record,
            'org.dockchains.index': expect.stringMatching(/^\d+$/) as string,
          },
        },
      ]);
  });

  test('is paged by Link, which loses nothing of one millisecond', async () => {
    const repository = await open('pages');
    const images = [buildImage(), buildImage()];
    for (let n = 0; n < 7; n++) await push(repository, images[n % 2] ?? buildImage(), 'app');
    const all = told(eventsOf(await historyOf(repository, 'app')));
    expect(all).toHaveLength(7);

    const paged: (readonly [string | undefined, string])[] = [];
    let next: string | undefined = '_oci/tag-history/app?n=2';
    while (next !== undefined) {
      const base = `${registry.url()}/v2/${repository.name}/`;
      const reply: Reply = await repository.request('GET', new URL(next, base));
      paged.push(...told(eventsOf(reply)));
      next = /^<([^>]+)>; rel="next"$/.exec(reply.headers.get('link') ?? '')?.[1];
    }
    expect(paged).toEqual(all);
  });

  test('is cut by before, since and digest', async () => {
    const repository = await open('cut');
    const [one, two] = [buildImage(), buildImage()];
    await push(repository, one, 'app');
    await push(repository, two, 'app');
    const [newest, oldest] = eventsOf(await historyOf(repository, 'app'));
    const [late = '', early = ''] = [newest, oldest].map((event) => event?.annotations[TIMESTAMP]);
    expect(late > early).toBe(true);
    const [b, a] = [two, one].map(({ descriptor }) => descriptor.digest);
    const cut = async (query: Record<string, string>): Promise<readonly string[]> =>
      eventsOf(await historyOf(repository, 'app', query)).map(({ digest }) => digest);
    expect(await cut({ before: late })).toEqual([a]);
    expect(await cut({ since: early })).toEqual([b]);
    expect(await cut({ since: early, before: late })).toEqual([]);
    expect(await cut({ digest: a ?? '' })).toEqual([a]);
    expect(await cut({ digest: digestOf(Buffer.from('other')) })).toEqual([]);
    expect(await cut({ before: '2000-01-01T00:00:00+01:00' })).toEqual([]);
  });

  test('is empty with n=0, for a tag that never was, and in a repository that never was', async () => {
    const repository = await open('empty');
    await push(repository, buildImage(), 'app');
    const none = await historyOf(repository, 'app', { n: '0' });
    expect({ events: eventsOf(none), link: none.headers.get('link') }).toEqual({ events: [], link: null });
    expect(eventsOf(await historyOf(repository, 'never'))).toEqual([]);
    expect(eventsOf(await historyOf(await open('never-pushed'), 'app'))).toEqual([]);
  });

  test.each([
    { path: '-bad', query: {}, code: 'MANIFEST_INVALID' },
    { path: 'app', query: { n: '-1' }, code: 'UNSUPPORTED' },
    { path: 'app', query: { before: 'yesterday' }, code: 'UNSUPPORTED' },
    { path: 'app', query: { before: '2026-13-01T00:00:00Z' }, code: 'UNSUPPORTED' },
    { path: 'app', query: { since: '' }, code: 'UNSUPPORTED' },
    { path: 'app', query: { last: 'abc' }, code: 'UNSUPPORTED' },
    { path: 'app', query: { digest: 'sha256:bad' }, code: 'DIGEST_INVALID' },
  ])('refuses $path with $query', async ({ path, query, code }) => {
    const reply = await historyOf(await open('refused'), path, { ...query });
    expect({ status: reply.status, code: errorCodeOf(reply) }).toEqual({ status: 400, code });
  });

  test('is announced by discovery', async () => {
    const repository = await open('announced');
    await push(repository, buildImage(), 'app');
    const reply = await repository.request('GET', '_oci/ext/discover');
    expect(JSON.parse(reply.body.toString())).toMatchObject({
      extensions: [{ endpoints: [expect.anything(), `${repository.name}/_oci/tag-history`] }],
    });
  });
});
