import fc from 'fast-check';
import { expect, test } from 'vitest';

import { type Digest, digestOf } from './digest.ts';
import { OciError } from './errors.ts';
import { MAX_DESCRIPTORS, MAX_MANIFEST_BYTES, parseManifest, parseNewManifest } from './manifest.ts';
import {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  OCI_EMPTY,
  OCI_IMAGE_CONFIG,
  OCI_IMAGE_INDEX,
  OCI_IMAGE_MANIFEST,
  OCI_LAYER_GZIP,
} from './media-types.ts';

const A = digestOf(Buffer.from('a'));
const B = digestOf(Buffer.from('b'), 'sha512');
const CONFIG = { mediaType: OCI_IMAGE_CONFIG, digest: A, size: 1 };
const LAYER = { mediaType: OCI_LAYER_GZIP, digest: B, size: 1 };
const CHILD = { mediaType: OCI_IMAGE_MANIFEST, digest: A, size: 1 };
const IMAGE = { schemaVersion: 2, mediaType: OCI_IMAGE_MANIFEST, config: CONFIG, layers: [LAYER] };
const INDEX = { schemaVersion: 2, mediaType: OCI_IMAGE_INDEX, manifests: [CHILD] };
const DOCKER = { ...IMAGE, mediaType: DOCKER_MANIFEST };

const bytesOf = (body: unknown): Buffer =>
  Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
const read = (body: unknown, contentType?: string) => parseManifest(bytesOf(body), contentType);

test('reads an image', () => {
  expect(read({ ...IMAGE, annotations: { k: 'v' } }, OCI_IMAGE_MANIFEST)).toEqual({
    mediaType: OCI_IMAGE_MANIFEST,
    kind: 'image',
    config: CONFIG,
    layers: [LAYER],
    manifests: [],
    artifactType: OCI_IMAGE_CONFIG,
    annotations: { k: 'v' },
    requiredBlobs: [A, B],
    requiredManifests: [],
  });
});

test('reads an index', () => {
  const platform = { architecture: 'arm', os: 'linux', variant: 'v7', 'os.version': '1' };
  expect(read({ ...INDEX, manifests: [{ ...CHILD, platform }] }, OCI_IMAGE_INDEX)).toEqual({
    mediaType: OCI_IMAGE_INDEX,
    kind: 'index',
    layers: [],
    manifests: [{ ...CHILD, platform }],
    requiredBlobs: [],
    requiredManifests: [A],
  });
});

test.each([
  { name: 'a parameter behind the Content-Type', body: IMAGE, type: `${OCI_IMAGE_MANIFEST}; charset=utf-8` },
  { name: 'another case of the Content-Type', body: IMAGE, type: OCI_IMAGE_MANIFEST.toUpperCase() },
  { name: 'no Content-Type', body: IMAGE, type: undefined },
  { name: 'an empty Content-Type', body: IMAGE, type: '' },
  { name: 'no mediaType in the body', body: { ...IMAGE, mediaType: undefined }, type: OCI_IMAGE_MANIFEST },
  { name: 'neither', body: { ...IMAGE, mediaType: undefined }, type: undefined },
  { name: 'a null mediaType', body: { ...IMAGE, mediaType: null }, type: undefined },
  {
    name: 'unknown fields',
    body: { ...IMAGE, x: 1, config: { ...CONFIG, y: [] } },
    type: OCI_IMAGE_MANIFEST,
  },
  { name: 'null layers', body: { ...IMAGE, layers: null, annotations: null }, type: OCI_IMAGE_MANIFEST },
  { name: 'no layers', body: { ...IMAGE, layers: [] }, type: OCI_IMAGE_MANIFEST },
  { name: 'white space', body: JSON.stringify(IMAGE, null, 3), type: OCI_IMAGE_MANIFEST },
])('takes an image with $name', ({ body, type }) => {
  expect(read(body, type)).toMatchObject({ mediaType: OCI_IMAGE_MANIFEST, kind: 'image', config: CONFIG });
});

test.each([
  { type: DOCKER_MANIFEST, body: DOCKER, kind: 'image' },
  { type: DOCKER_MANIFEST_LIST, body: { ...INDEX, mediaType: DOCKER_MANIFEST_LIST }, kind: 'index' },
  { type: OCI_IMAGE_INDEX, body: { ...INDEX, manifests: [] }, kind: 'index' },
  { type: OCI_IMAGE_INDEX, body: { schemaVersion: 2, manifests: [] }, kind: 'index' },
])('takes $type', ({ type, body, kind }) => {
  expect(read(body, type)).toMatchObject({ mediaType: type, kind });
  expect(read(body)).toMatchObject({ mediaType: type, kind });
});

test.each([
  { name: 'its own', body: { ...IMAGE, artifactType: 'a/b' }, artifactType: 'a/b' },
  { name: "its config's", body: IMAGE, artifactType: OCI_IMAGE_CONFIG },
  {
    name: "its config's, its own being empty",
    body: { ...IMAGE, artifactType: '' },
    artifactType: OCI_IMAGE_CONFIG,
  },
  { name: "an index's own", body: { ...INDEX, artifactType: 'a/b' }, artifactType: 'a/b' },
  { name: 'none for an index', body: INDEX, artifactType: undefined },
])('gives the artifact type: $name', ({ body, artifactType }) => {
  expect(read(body).artifactType).toBe(artifactType);
});

test('reads the subject of OCI types alone', () => {
  const subject = CHILD;
  expect(read({ ...IMAGE, subject }).subject).toEqual(CHILD);
  expect(read({ ...INDEX, subject }).subject).toEqual(CHILD);
  expect(read({ ...DOCKER, subject }).subject).toBeUndefined();
});

test.each([
  {
    name: 'non-distributable layers',
    body: {
      ...IMAGE,
      layers: [{ ...LAYER, mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip' }],
    },
    blobs: [A],
  },
  {
    name: 'foreign layers',
    body: {
      ...DOCKER,
      layers: [{ ...LAYER, mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' }],
    },
    blobs: [A],
  },
  {
    name: 'layers with URLs',
    body: { ...IMAGE, layers: [{ ...LAYER, urls: ['https://x.example/'] }] },
    blobs: [A],
  },
  {
    name: 'nothing for an empty list of URLs',
    body: { ...IMAGE, layers: [{ ...LAYER, urls: [] }] },
    blobs: [A, B],
  },
  { name: 'a second mention', body: { ...IMAGE, layers: [LAYER, LAYER, CONFIG] }, blobs: [A, B] },
  {
    name: 'no child of a build cache that is a layer',
    body: {
      ...INDEX,
      manifests: [LAYER, { ...CONFIG, mediaType: 'application/vnd.buildkit.cacheconfig.v0' }, CHILD],
    },
    blobs: [B, A],
  },
])('leaves out of the required blobs $name', ({ body, blobs }) => {
  expect(read(body).requiredBlobs).toEqual(blobs);
});

test('checks the data field against digest and size', () => {
  const config = { mediaType: OCI_EMPTY, digest: digestOf(Buffer.from('{}')), size: 2, data: 'e30=' };
  expect(read({ ...IMAGE, config }).config).toEqual(config);
  for (const wrong of [
    { ...config, size: 3 },
    { ...config, data: 'e3s=' },
    { ...config, data: '!' },
  ]) {
    expect(() => read({ ...IMAGE, config: wrong })).toThrow(
      expect.objectContaining({ code: 'MANIFEST_INVALID' }),
    );
  }
});

test.each([
  { name: 'no JSON', body: '{' },
  { name: 'nothing', body: '' },
  { name: 'a byte order mark', body: `\uFEFF${JSON.stringify(IMAGE)}` },
  { name: 'an array', body: '[]' },
  { name: 'null', body: 'null' },
  { name: 'millions of open brackets', body: '['.repeat(4_000_000) },
  { name: 'schema 1', body: { schemaVersion: 1, fsLayers: [] } },
  {
    name: 'schema 1 by its type',
    body: { ...IMAGE, mediaType: undefined },
    type: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  },
  { name: 'no version', body: { ...IMAGE, schemaVersion: undefined } },
  { name: 'a type that the body denies', body: IMAGE, type: OCI_IMAGE_INDEX },
  { name: 'a type that is no manifest', body: { ...IMAGE, mediaType: undefined }, type: 'application/json' },
  { name: 'a mediaType like a method', body: { ...IMAGE, mediaType: 'toString' } },
  { name: 'an image without config', body: { ...IMAGE, config: undefined } },
  { name: 'an image that is an index too', body: { ...IMAGE, manifests: [] } },
  { name: 'an index that is an image too', body: { ...INDEX, layers: [] } },
  { name: 'a bad digest', body: { ...IMAGE, layers: [{ ...LAYER, digest: 'sha256:abc' }] } },
  { name: 'a negative size', body: { ...IMAGE, layers: [{ ...LAYER, size: -1 }] } },
  { name: 'a broken size', body: { ...IMAGE, layers: [{ ...LAYER, size: 1.5 }] } },
  { name: 'a size beyond all bounds', body: JSON.stringify(IMAGE).replace('"size":1', '"size":1e300') },
  { name: 'a descriptor without type', body: { ...IMAGE, layers: [{ ...LAYER, mediaType: '' }] } },
  { name: 'annotations that are no text', body: { ...IMAGE, annotations: { a: 1 } } },
  {
    name: 'too many layers',
    body: { ...IMAGE, layers: Array.from({ length: MAX_DESCRIPTORS + 1 }, () => LAYER) },
  },
])('refuses $name', ({ body, type }) => {
  expect(() => read(body, type)).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID', status: 400 }));
});

test.each([
  { name: 'config', again: JSON.stringify({ ...CONFIG, digest: B }) },
  { name: 'layers', again: '[]' },
  { name: 'schemaVersion', again: '2' },
])('refuses a new manifest with a second member "$name", and reads a stored one', ({ name, again }) => {
  const bytes = bytesOf(`{"${name}":${again},${JSON.stringify(IMAGE).slice(1)}`);
  expect(parseManifest(bytes, undefined)).toEqual(read(IMAGE));
  expect(() => parseNewManifest(bytes, undefined)).toThrow(
    expect.objectContaining({ code: 'MANIFEST_INVALID', status: 400 }),
  );
});

test.each([
  { name: 'Layers', body: { ...IMAGE, Layers: [] } },
  { name: 'a lone SUBJECT', body: { ...IMAGE, SUBJECT: CONFIG } },
  { name: 'a long s', body: { ...IMAGE, layerſ: [] } },
  { name: 'Digest of a layer', body: { ...IMAGE, layers: [{ ...LAYER, Digest: B }] } },
  { name: 'Size of the config', body: { ...IMAGE, config: { ...CONFIG, Size: 7 } } },
  {
    name: 'OS of a platform',
    body: { ...IMAGE, config: { ...CONFIG, platform: { architecture: 'arm', os: 'linux', OS: 'x' } } },
  },
])('refuses a new manifest that disguises a field: $name', ({ body }) => {
  expect(() => parseNewManifest(bytesOf(body), undefined)).toThrow(
    expect.objectContaining({ code: 'MANIFEST_INVALID', status: 400 }),
  );
  expect(parseManifest(bytesOf(body), undefined).kind).toBe('image');
});

test('takes members that no specification knows, and annotations in any case', () => {
  const body = { ...IMAGE, 'x-Layers': 1, annotations: { layers: 'a', Layers: 'b' } };
  expect(parseNewManifest(bytesOf(body), undefined)).toEqual(read(body));
});

test('takes a new manifest that names each member once, as any other', () => {
  for (const body of [IMAGE, INDEX, DOCKER, JSON.stringify(IMAGE, null, 3)]) {
    expect(parseNewManifest(bytesOf(body), undefined)).toEqual(read(body));
  }
  expect(() => parseNewManifest(bytesOf('{'), undefined)).toThrow(
    expect.objectContaining({ code: 'MANIFEST_INVALID' }),
  );
});

test('refuses bytes that are not UTF-8', () => {
  const bytes = Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff]), Buffer.from('"}')]);
  expect(() => parseManifest(bytes, undefined)).toThrow(
    expect.objectContaining({ code: 'MANIFEST_INVALID' }),
  );
});

test('takes a manifest of the greatest length, and none longer', () => {
  const padded = (length: number): Buffer => bytesOf(JSON.stringify(IMAGE).padEnd(length, ' '));
  expect(parseManifest(padded(MAX_MANIFEST_BYTES), undefined).kind).toBe('image');
  expect(() => parseManifest(padded(MAX_MANIFEST_BYTES + 1), undefined)).toThrow(
    expect.objectContaining({ code: 'SIZE_INVALID', status: 413 }),
  );
});

test('throws nothing but OciError, whatever it reads', () => {
  const odd = fc.oneof(fc.jsonValue(), fc.constant(CONFIG), fc.constant([LAYER]));
  const body = fc.record(
    { schemaVersion: fc.constant(2), mediaType: odd, config: odd, layers: odd, manifests: odd, subject: odd },
    { requiredKeys: ['schemaVersion'] },
  );
  const types = fc.option(fc.constantFrom(OCI_IMAGE_MANIFEST, OCI_IMAGE_INDEX, 'x'), { nil: undefined });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), body.map(bytesOf)), types, (bytes, type) => {
      try {
        const manifest = parseManifest(bytes, type);
        expect(manifest.requiredBlobs satisfies Digest[]).toBeInstanceOf(Array);
      } catch (error) {
        expect(error).toBeInstanceOf(OciError);
      }
    }),
    { numRuns: 500 },
  );
});
