import { Readable } from 'node:stream';

import { AccessError, ANONYMOUS } from '@dockchains/access';
import { parseManifestReference, parseRepositoryName, referrersTag } from '@dockchains/oci';
import { buildImage, buildIndex } from '@dockchains/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { openRegistryFixture, type RegistryFixture, REPOSITORY } from './testing/registry-fixture.ts';

const DAY_MS = 86_400_000;

let fixture: RegistryFixture;

beforeEach(async () => {
  fixture = await openRegistryFixture();
});

afterEach(async () => {
  await fixture.close();
});

const resolve = (reference: string) => {
  const { registry, principal } = fixture;
  return registry.resolveReference(principal, {
    repository: REPOSITORY,
    reference: parseManifestReference(reference),
  });
};

describe('a ledger that refuses records', () => {
  test('leaves nothing of a push or a deletion behind', async () => {
    const { put, pushBlobs, count } = fixture;
    const image = buildImage();
    fixture.frozen = true;
    const empty = buildIndex([]);
    await expect(put('1.0', empty)).rejects.toMatchObject({ code: 'FROZEN' });
    expect(await Promise.all([count('repository'), count('manifest'), count('tag')])).toEqual([0, 0, 0]);

    fixture.frozen = false;
    await pushBlobs(image);
    const { recordId } = await put('1.0', image);
    fixture.frozen = true;
    await expect(put('1.0', empty)).rejects.toMatchObject({ code: 'FROZEN' });
    for (const text of ['1.0', image.descriptor.digest]) {
      await expect(fixture.deleteManifest(text)).rejects.toMatchObject({ code: 'FROZEN' });
    }
    expect(await resolve('1.0')).toMatchObject({ digest: image.descriptor.digest, recordId });
  });
});

describe('uploads', () => {
  test('are swept a day after their last chunk, and files that have no session as well', async () => {
    const { registry, principal, blobs, now } = fixture;
    const id = await registry.startUpload({ principal, repository: REPOSITORY });
    await blobs.createUpload('orphan');
    fixture.now = new Date(now.getTime() + DAY_MS - 1000);
    await registry.appendUpload({
      principal,
      repository: REPOSITORY,
      id,
      source: Readable.from([Buffer.alloc(100_000)]),
    });
    expect(await registry.sweepUploads()).toBe(0);

    // The file's time is the disk's, up to a minute after the clock of the test was set.
    fixture.now = new Date(now.getTime() + DAY_MS + 60_000);
    expect(await registry.sweepUploads()).toBe(1);
    expect((await blobs.listUploads()).map((upload) => upload.id)).toEqual([id]);
    fixture.now = new Date(now.getTime() + 2 * DAY_MS + 120_000);
    await expect(registry.getUpload({ principal, repository: REPOSITORY, id })).rejects.toMatchObject({
      code: 'BLOB_UPLOAD_UNKNOWN',
    });
    expect(await registry.sweepUploads()).toBe(1);
    expect(await blobs.listUploads()).toEqual([]);
    expect(await fixture.count('upload')).toBe(0);
  });

  test('are swept however many there are', async () => {
    const { registry, principal, database, now } = fixture;
    await registry.startUpload({ principal, repository: REPOSITORY });
    const copy = `INSERT INTO upload SELECT (jsonb_populate_record(u, jsonb_build_object('id', md5(n::text)))).*
                  FROM upload u, generate_series(1, 1000) AS n`;
    await database.query({ name: 'test_copy_upload', text: copy });
    fixture.now = new Date(now.getTime() + DAY_MS + 60_000);
    expect(await registry.sweepUploads()).toBe(1001);
    expect(await fixture.count('upload')).toBe(0);
  });

  test('a whole blob whose bytes do not fit its digest leaves nothing', async () => {
    const { registry, principal, blobs } = fixture;
    const digest = buildImage().descriptor.digest;
    const source = Readable.from([Buffer.from('other')]);
    await expect(
      registry.putBlob({ principal, repository: REPOSITORY, digest, source }),
    ).rejects.toMatchObject({
      code: 'DIGEST_INVALID',
    });
    expect(await blobs.listUploads()).toEqual([]);
    expect(await blobs.stat(digest)).toBeUndefined();
  });
});

describe('mounting', () => {
  test('takes a blob from repositories that the caller may pull, and from no other', async () => {
    const { registry, principal, database } = fixture;
    await database.query({
      name: 'test-private-repository',
      text: `INSERT INTO repository (name, visibility) VALUES ('private/app', 'private')`,
    });
    const image = buildImage();
    const [blob] = image.blobs;
    const digest = blob?.descriptor.digest ?? image.descriptor.digest;
    const owner = await fixture.createPrincipal('owner', '**');
    const repository = parseRepositoryName('private/app');
    await registry.putBlob({
      principal: owner,
      repository,
      digest,
      source: Readable.from([blob?.bytes ?? '']),
    });

    const mount = { principal, repository: REPOSITORY, digest };
    expect(await registry.mountBlob(mount)).toBe(false);
    expect(await registry.mountBlob({ ...mount, from: repository })).toBe(false);
    await expect(registry.getBlob(mount)).rejects.toThrow();
    expect(await registry.mountBlob({ ...mount, principal: owner })).toBe(true);
    expect((await registry.getBlob(mount)).size).toBe(blob?.bytes.length);
    const elsewhere = registry.mountBlob({ ...mount, repository: parseRepositoryName('private/app') });
    await expect(elsewhere).rejects.toBeInstanceOf(AccessError);
  });

  test('asks for one token that covers both repositories, of who may read the source and of nobody else', async () => {
    const { registry, principal } = fixture;
    const from = parseRepositoryName('elsewhere/app');
    const scopes = [{ type: 'repository', name: REPOSITORY, actions: ['pull', 'push'] }];
    const { digest } = buildImage().descriptor;
    const mount = { repository: REPOSITORY, digest, from };
    const owner = { ...(await fixture.createPrincipal('narrow', '**')), scopes };
    const both = { scopes: [...scopes, { type: 'repository', name: from, actions: ['pull'] }] };

    const refused = registry.mountBlob({ ...mount, principal: owner });
    await expect(refused).rejects.toMatchObject({ code: 'INSUFFICIENT_SCOPE', ...both });
    expect(await registry.mountBlob({ ...mount, principal: { ...owner, ...both } })).toBe(false);
    expect(await registry.mountBlob({ ...mount, principal: { ...principal, scopes } })).toBe(false);
    const unsigned = registry.mountBlob({ ...mount, principal: ANONYMOUS });
    await expect(unsigned).rejects.toMatchObject({ code: 'UNAUTHORIZED', ...both });
  });
});

describe('referrers', () => {
  test('are listed in pages that are bounded in bytes, also those that came under a fallback tag', async () => {
    const { registry, principal, put, pushBlobs } = fixture;
    const subject = buildImage();
    const note = 'n'.repeat(1_500_000);
    const referrers = Array.from({ length: 4 }, () =>
      buildImage({ subject: subject.descriptor, artifactType: 'application/x-note', annotations: { note } }),
    );
    for (const image of [subject, ...referrers]) {
      await pushBlobs(image);
      await put(image.descriptor.digest, image);
    }
    await put(referrersTag(subject.descriptor.digest), buildIndex(referrers));

    const found: string[] = [];
    let pages = 0;
    for (let after: string | undefined = ''; after !== undefined; pages++) {
      const page = await registry.listReferrers({
        ...{ principal, repository: REPOSITORY, subject: subject.descriptor.digest, after, limit: 100 },
      });
      found.push(...page.items.map(({ digest }) => digest));
      after = page.last;
    }
    expect(found).toEqual(referrers.map(({ descriptor }) => descriptor.digest).sort());
    expect(pages).toBe(2);
  });
});
