import { execFileSync } from 'node:child_process';
import { gunzipSync } from 'node:zlib';

import { digestOf, OCI_IMAGE_INDEX, parseManifest } from '@dockchains/oci';
import { expect, test } from 'vitest';

import { buildImage, buildIndex, buildLayer, contentOf, EMPTY_JSON } from './images.ts';
import { tarOf } from './tar.ts';

test('archives files so that tar lists them', () => {
  const archive = tarOf([
    { path: 'hello', bytes: Buffer.from('hi'), mode: 0o755 },
    { path: 'a/b', bytes: Buffer.alloc(513, 'x') },
  ]);
  const listed = execFileSync('tar', ['-tvf', '-', '--utc'], { input: archive, encoding: 'utf8' });
  expect(listed).toMatch(
    /-rwxr-xr-x 0\/0 +2 1970-01-01 00:00 hello\n-rw-r--r-- 0\/0 +513 1970-01-01 00:00 a\/b\n/,
  );
});

test('builds an image whose parts name each other', () => {
  const layer = buildLayer();
  const image = buildImage({ layers: [layer], annotations: { k: 'v' } });
  const manifest = parseManifest(image.bytes, image.descriptor.mediaType);
  expect(manifest).toMatchObject({ kind: 'image', layers: [layer.descriptor], annotations: { k: 'v' } });
  expect(manifest.requiredBlobs).toEqual(image.blobs.map(({ descriptor }) => descriptor.digest));
  expect(layer.diffId).toBe(digestOf(gunzipSync(layer.bytes)));
  expect(image.manifests).toHaveLength(1);
  expect(image.referrer).toBeUndefined();
});

test('builds an index with its children before it, and says how a subject shows it', () => {
  const subject = buildImage({ algorithm: 'sha512' });
  const artifact = buildImage({
    config: EMPTY_JSON,
    layers: [contentOf(Buffer.from('sbom'), 'text/plain')],
    artifactType: 'application/vnd.example',
  });
  const index = buildIndex([subject, artifact], { subject: subject.descriptor, annotations: { k: 'v' } });
  expect(parseManifest(index.bytes, OCI_IMAGE_INDEX).requiredManifests).toEqual([
    subject.descriptor.digest,
    artifact.descriptor.digest,
  ]);
  expect(index.manifests.map(({ descriptor }) => descriptor)).toEqual([
    subject.descriptor,
    artifact.descriptor,
    index.descriptor,
  ]);
  expect(index.referrer).toEqual({ ...index.descriptor, annotations: { k: 'v' } });
});

test('embeds content that its reader accepts, and leaves out what is only named', () => {
  const mediaType = 'application/vnd.oci.image.layer.nondistributable.v1.tar';
  const away = { ...EMPTY_JSON.descriptor, mediaType };
  expect(parseManifest(buildImage({ embed: true }).bytes, undefined).config?.data).toBeDefined();
  expect(buildImage({ layers: [{ descriptor: away }] }).blobs).toHaveLength(1);
});
