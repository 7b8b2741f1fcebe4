import { type Action, isAction } from '@dockchains/access';
import { parseTag } from '@dockchains/oci';
import { buildImage, type BuiltManifest } from '@dockchains/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { openRegistryFixture, type RegistryFixture, REPOSITORY } from './testing/registry-fixture.ts';

const RULE = { pattern: 'public/**', tags: 'v*' };
const DENIED: unknown = expect.objectContaining({ code: 'DENIED' });

let fixture: RegistryFixture;
let first: BuiltManifest;
let second: BuiltManifest;

beforeEach(async () => {
  fixture = await openRegistryFixture();
  first = buildImage();
  second = buildImage({ annotations: { version: '2' } });
  await fixture.pushBlobs(first);
  await fixture.pushBlobs(second);
});
afterEach(() => fixture.close());

const principalOf = (name: string, ...actions: readonly Action[]) =>
  fixture.createPrincipal(name, 'public/**', actions);

/** What the tag names now. */
const digestOfTag = async (tag: string): Promise<string | undefined> => {
  const row = await fixture.database.prisma.tag.findFirst({ where: { name: tag } });
  return row?.digest;
};

/** Lets another push come between what the next one reads and what it writes. */
const comeBetween = (push: () => Promise<unknown>): void => {
  let isFirst = true;
  fixture.beforeQuery = async (statement) => {
    if (statement !== 'registry_put_manifest' || !isFirst) return;
    isFirst = false;
    await push();
  };
};

describe('the right', () => {
  test('to push sets no tag, and leaves nothing of one that it tried to set', async () => {
    const pusher = await principalOf('pusher', 'push');
    await expect(fixture.put('1.0', first, pusher)).rejects.toEqual(DENIED);
    expect([await fixture.count('manifest'), await fixture.count('tag')]).toEqual([0, 0]);
    await fixture.put(first.descriptor.digest, first, pusher);
    expect([await fixture.count('manifest'), await fixture.count('tag')]).toEqual([1, 0]);
  });

  test('to create tags creates them, sets them again as they are, and moves none', async () => {
    const creator = await principalOf('creator', 'push', 'tag:create');
    await fixture.put('1.0', first, creator);
    await fixture.put('1.0', first, creator);
    await expect(fixture.put('1.0', second, creator)).rejects.toEqual(DENIED);
    expect(await digestOfTag('1.0')).toBe(first.descriptor.digest);
  });

  test('to move tags moves them, and creates none', async () => {
    const mover = await principalOf('mover', 'push', 'tag:move');
    await expect(fixture.put('1.0', first, mover)).rejects.toEqual(DENIED);
    await fixture.put('1.0', first);
    await fixture.put('1.0', second, mover);
    expect(await digestOfTag('1.0')).toBe(second.descriptor.digest);
  });

  test('to tags without that to push is none', async () => {
    const tagger = await principalOf('tagger', 'pull', 'tag:create', 'tag:move', 'delete');
    await expect(fixture.put('1.0', first, tagger)).rejects.toEqual(DENIED);
    expect(await fixture.count('manifest')).toBe(0);
  });

  test('to create tags does not move one that came to be meanwhile', async () => {
    const creator = await principalOf('creator', 'push', 'tag:create');
    comeBetween(() => fixture.put('1.0', first));
    await expect(fixture.put('1.0', second, creator)).rejects.toEqual(DENIED);
    expect(await digestOfTag('1.0')).toBe(first.descriptor.digest);
    expect(await fixture.count('tag_event')).toBe(1);
  });
});

describe('an immutable tag', () => {
  beforeEach(() => fixture.access.addImmutableRule(RULE));

  test('is set once, and neither moved nor deleted by anybody', async () => {
    const everything = ['pull', 'push', 'tag:create', 'tag:move', 'delete', 'admin'].filter(isAction);
    const operator = await fixture.createPrincipal('operator', '**', everything);
    const all = { ...operator, scopes: [{ type: 'repository', name: '**', actions: everything }] };
    for (const principal of [fixture.principal, all]) {
      await fixture.put('v1', first, principal);
      await expect(fixture.put('v1', second, principal)).rejects.toEqual(DENIED);
      await expect(fixture.deleteManifest('v1', principal)).rejects.toEqual(DENIED);
      await expect(fixture.deleteManifest(first.descriptor.digest, principal)).rejects.toEqual(DENIED);
    }
    expect(await digestOfTag('v1')).toBe(first.descriptor.digest);
    expect(await fixture.count('tag_event')).toBe(1);
  });

  test('leaves other tags, and other tags of its manifest, as they were', async () => {
    await fixture.put('v1', first);
    await fixture.put('latest', first);
    await fixture.put('latest', second);
    await fixture.deleteManifest('latest');
    expect([await digestOfTag('v1'), await digestOfTag('latest')]).toEqual([
      first.descriptor.digest,
      undefined,
    ]);
  });

  test('refuses a push of several tags whole', async () => {
    await fixture.put('v1', first);
    const { principal } = fixture;
    await expect(
      fixture.registry.putManifest({
        ...{ principal, repository: REPOSITORY, contentType: second.descriptor.mediaType },
        reference: { kind: 'digest', digest: second.descriptor.digest },
        tags: [parseTag('latest'), parseTag('v1')],
        readBytes: () => Promise.resolve(second.bytes),
      }),
    ).rejects.toEqual(DENIED);
    expect([await digestOfTag('latest'), await fixture.count('manifest')]).toEqual([undefined, 1]);
  });

  test('that two pushes make at once is that of one of them', async () => {
    comeBetween(() => fixture.put('v1', first));
    await expect(fixture.put('v1', second)).rejects.toEqual(DENIED);
    expect(await digestOfTag('v1')).toBe(first.descriptor.digest);
    expect(await fixture.count('tag_event')).toBe(1);
  });

  test('moves again when the rule is gone', async () => {
    await fixture.put('v1', first);
    await fixture.access.removeImmutableRule(RULE);
    await fixture.put('v1', second);
    expect(await digestOfTag('v1')).toBe(second.descriptor.digest);
  });
});
