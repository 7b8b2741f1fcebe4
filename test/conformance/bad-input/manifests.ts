import { digestOf, OCI_IMAGE_INDEX, OCI_IMAGE_MANIFEST } from '@dockchains/oci';

import { type Rule, SECTIONS } from './rule.ts';
import { REPOSITORY, type World } from './world.ts';

type Json = Record<string, unknown>;

const ABSENT = `sha256:${'a'.repeat(64)}`;
const blob = { mediaType: 'application/octet-stream', digest: ABSENT, size: 1 };

/** What is wrong with an image manifest, as what to change in a good one. */
const IMAGES: Readonly<Record<string, Json>> = {
  'schemaVersion 1': { schemaVersion: 1 },
  'a schemaVersion in quotes': { schemaVersion: '2' },
  'no schemaVersion': { schemaVersion: undefined },
  'a mediaType that is no text': { mediaType: 7 },
  'an image without a config': { config: undefined },
  'an image that is an index as well': { manifests: [] },
  'layers that are no list': { layers: {} },
  'a layer that is no descriptor': { layers: ['sha256:abc'] },
  'a layer without a digest': { layers: [{ ...blob, digest: undefined }] },
  'a layer with a digest of md5': { layers: [{ ...blob, digest: `md5:${'a'.repeat(32)}` }] },
  'a layer without a size': { layers: [{ ...blob, size: undefined }] },
  'a layer of a negative size': { layers: [{ ...blob, size: -1 }] },
  'a layer of half a byte': { layers: [{ ...blob, size: 0.5 }] },
  'a layer of a size in quotes': { layers: [{ ...blob, size: '1' }] },
  'a layer of a size past 2^53': { layers: [{ ...blob, size: 2 ** 60 }] },
  'a layer without a mediaType': { layers: [{ ...blob, mediaType: undefined }] },
  'a layer with an empty mediaType': { layers: [{ ...blob, mediaType: '' }] },
  'a layer with a mediaType of 256 characters': { layers: [{ ...blob, mediaType: 'a'.repeat(256) }] },
  'a layer whose urls are no list': { layers: [{ ...blob, urls: 'https://x.example' }] },
  'a layer with data that is not base64': { layers: [{ ...blob, data: '***' }] },
  'a layer with data of another digest': { layers: [{ ...blob, data: 'eA==' }] },
  'a layer with data of another size': {
    layers: [{ ...blob, digest: digestOf(Buffer.from('xy')), data: Buffer.from('xy').toString('base64') }],
  },
  'more than 10,000 layers': { layers: Array.from({ length: 10_001 }, () => blob) },
  'annotations that are a list': { annotations: ['a'] },
  'an annotation that is a number': { annotations: { a: 1 } },
  'an annotation with U+0000': { annotations: { a: 'b\u0000c' } },
  'an annotation with half of a surrogate pair': { annotations: { a: '\ud800' } },
  'an annotation whose key has half of a surrogate pair': { annotations: { '\udc00': 'a' } },
  'an artifactType of 256 characters': { artifactType: 'a'.repeat(256) },
  'an artifactType with U+0000': { artifactType: 'a\u0000b' },
  'a subject that is a digest alone': { subject: ABSENT },
  'a subject without a size': { subject: { mediaType: OCI_IMAGE_MANIFEST, digest: ABSENT } },
  'a mediaType that Content-Type denies': { mediaType: OCI_IMAGE_INDEX },
};

const INDEXES: Readonly<Record<string, Json>> = {
  'an index with a config': { config: blob },
  'an index with layers': { layers: [] },
  'an index whose manifests are no list': { manifests: {} },
  'a child without a digest': { manifests: [{ ...blob, digest: undefined }] },
  'a child whose platform is a text': { manifests: [{ ...blob, platform: 'linux/amd64' }] },
  'a child whose platform has no os': { manifests: [{ ...blob, platform: { architecture: 'amd64' } }] },
  'more than 10,000 children': { manifests: Array.from({ length: 10_001 }, () => blob) },
};

const BODIES: Readonly<Record<string, Buffer | string>> = {
  'an empty body': '',
  'JSON that is cut off': '{"schemaVersion":2,"config":{"mediaType":"a',
  'JSON that goes on': '{"schemaVersion":2}{}',
  'bytes that are not UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  'a byte order mark': Buffer.from('\ufeff{"schemaVersion":2}'),
  'UTF-16': Buffer.from('{"schemaVersion":2}', 'utf16le'),
  'a NUL': '{"schemaVersion":2\0}',
  null: 'null',
  'a list': '[]',
  'a number': '2',
  'a text': '"manifest"',
  'lists in lists, 100,000 deep': `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
  'objects in objects, 100,000 deep': `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
  'a number of 1,000 digits as schemaVersion': `{"schemaVersion":${'9'.repeat(1000)}}`,
};

const MISSING: Readonly<Record<string, (image: World['image']) => readonly [type: string, manifest: Json]>> =
  {
    'a layer that was not pushed': (image) => [OCI_IMAGE_MANIFEST, { ...manifestOf(image), layers: [blob] }],
    'a config that was not pushed': (image) => [OCI_IMAGE_MANIFEST, { ...manifestOf(image), config: blob }],
    'a child that was not pushed': () => [
      OCI_IMAGE_INDEX,
      { schemaVersion: 2, manifests: [{ ...blob, mediaType: OCI_IMAGE_MANIFEST }] },
    ],
  };

const put = (world: World, body: Buffer | string, contentType = OCI_IMAGE_MANIFEST, reference = 'bad') =>
  world.call('PUT', `/v2/${REPOSITORY}/manifests/${reference}`, {
    body,
    headers: { 'content-type': contentType },
  });

const manifestOf = (image: World['image']): Json => JSON.parse(image.bytes.toString()) as Json;

const common = { route: 'PUT /v2/<name>/manifests/<reference>', status: 400, code: 'MANIFEST_INVALID' };

/** Manifests that are none. */
export const MANIFEST_RULES: readonly Rule[] = [
  ...Object.entries(IMAGES).map(([rule, change]): Rule => ({
    ...common,
    rule,
    section: rule.includes('layer') || rule.includes('subject') ? SECTIONS.descriptors : SECTIONS.image,
    send: (world) => put(world, JSON.stringify({ ...manifestOf(world.image), ...change })),
  })),
  ...Object.entries(INDEXES).map(([rule, change]): Rule => ({
    ...common,
    rule,
    section: SECTIONS.index,
    send: (world) =>
      put(world, JSON.stringify({ schemaVersion: 2, manifests: [], ...change }), OCI_IMAGE_INDEX),
  })),
  ...Object.entries(BODIES).map(([rule, body]): Rule => ({
    ...common,
    rule: `a body of ${rule}`,
    section: SECTIONS.pushingManifests,
    send: (world) => put(world, body),
  })),
  ...[
    'application/json',
    'text/plain',
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
    'no/type',
  ].map((type): Rule => ({
    ...common,
    rule: `a Content-Type of ${type}`,
    section: SECTIONS.pushingManifests,
    send: (world) => put(world, '{"schemaVersion":2}', type),
  })),
  ...Object.entries(MISSING).map(([rule, build]): Rule => ({
    ...common,
    rule,
    section: SECTIONS.pushingManifests,
    status: 404,
    code: 'MANIFEST_BLOB_UNKNOWN',
    send(world) {
      const [type, manifest] = build(world.image);
      return put(world, JSON.stringify(manifest), type);
    },
  })),
  {
    ...common,
    rule: 'a second config, of which readers take the one or the other',
    section: SECTIONS.json,
    send: (world) => put(world, `{"config":${JSON.stringify(blob)},${world.image.bytes.toString().slice(1)}`),
  },
  {
    ...common,
    rule: 'a digest that is another’s',
    section: SECTIONS.pushingManifests,
    code: 'DIGEST_INVALID',
    send: (world) => put(world, world.image.bytes, OCI_IMAGE_MANIFEST, ABSENT),
  },
  {
    ...common,
    rule: 'a body of 4,393,217 bytes, by its length',
    section: SECTIONS.bounded,
    status: 413,
    code: 'SIZE_INVALID',
    send: (world) => put(world, Buffer.alloc(4_393_217, ' ')),
  },
  {
    ...common,
    rule: 'a repository that no namespace rule allows',
    section: SECTIONS.decision,
    status: 403,
    code: 'DENIED',
    send: ({ call, image }) =>
      call('PUT', '/v2/nowhere/app/manifests/1.0', {
        body: image.bytes,
        headers: { 'content-type': OCI_IMAGE_MANIFEST },
      }),
  },
];
