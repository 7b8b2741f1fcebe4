import { randomBytes } from 'node:crypto';

import { type Digest, digestOf } from '@dockchains/oci';
import {
  buildImage,
  buildIndex,
  buildLayer,
  type BuiltManifest,
  type Content,
  contentOf,
  EMPTY_JSON,
  type ImageOptions,
  type ManifestContent,
  type ManifestOptions,
} from '@dockchains/testing';

/** What a client pushes and asks for again: manifests in an order of pushing, tags by name. */
export type DataSet = {
  blobs: Content[];
  manifests: ManifestContent[];
  tags: Map<string, ManifestContent>;
  /** Tags are sent as `?tag=` with the digest. */
  tagParameters?: boolean;
};

const TYPE_1 = 'application/vnd.example.oci.conformance.v1';
const TYPE_2 = 'application/vnd.example.oci.conformance.v2';
const PLATFORMS = [
  { architecture: 'amd64', os: 'linux' },
  { architecture: 'arm64', os: 'linux' },
];

/** The data sets of the specification's conformance program, by its names; each call builds other bytes. */
export const DATA_SETS: Readonly<Record<string, () => DataSet>> = {
  image: () => tagged({ image: buildImage() }),
  'image-uncompressed': () =>
    tagged({ 'image-uncompressed': buildImage({ layers: [buildLayer({ compressed: false })] }) }),
  'large-manifest': () => tagged({ 'large-manifest': buildImage({ annotations: largeAnnotations() }) }),
  index: () => tagged({ index: platformIndex() }),
  'nested-index': () => tagged({ 'index-of-index': buildIndex([platformIndex(), platformIndex()]) }),
  'empty-index': () => tagged({ index: buildIndex([]) }),
  artifact: () => tagged({ artifact: artifact() }),
  'artifact-index': () =>
    tagged({
      'artifact-index': buildIndex([artifact(), artifact()], { artifactType: TYPE_1, platforms: PLATFORMS }),
    }),
  'artifact-without-layers': () =>
    tagged({ 'artifact-without-layers': artifact({ layers: [EMPTY_JSON], annotations: unique() }) }),
  'artifacts-with-subject': artifactsWithSubject,
  'index-with-subject': indexWithSubject,
  'missing-subject': () => tagged({ 'tagged-artifact': artifact({ subject: missingSubject() }) }),
  'data-field': () => tagged({ 'data-field': buildImage({ embed: true }) }),
  'non-distributable-layers': () =>
    tagged({ 'non-distributable-image': buildImage({ layers: partlyElsewhere() }) }),
  'custom-fields': () =>
    tagged({ 'custom-fields': platformIndex({ extra: { 'org.example.unknown': [1, { a: 'b' }] } }) }),
  'no-layers': () => tagged({ 'no-layers': buildImage({ layers: [], annotations: unique() }) }),
  sha512: () => untagged(platformIndex({ algorithm: 'sha512' })),
  'tag-param-sha256': () => tagParameters('tag-param-sha256', platformIndex()),
  'tag-param-sha512': () => tagParameters('tag-param-sha512', platformIndex({ algorithm: 'sha512' })),
};

function artifactsWithSubject(): DataSet {
  const image = buildImage();
  const subject = image.descriptor;
  const annotations = { 'org.opencontainers.conformance': 'hello conformance test', ...unique() };
  return merge(
    tagged({ image }),
    untagged(buildImage({ subject })),
    tagged({ 'tagged-artifact1': artifact({ subject, annotations }) }),
    tagged({ 'tagged-artifact2': artifact({ subject, annotations, artifactType: TYPE_2 }) }),
  );
}

function indexWithSubject(): DataSet {
  const index = platformIndex();
  const options = { subject: index.descriptor, annotations: unique() };
  return merge(
    tagged({ index }),
    tagged({ 'tagged-artifact': buildIndex([artifact(), artifact()], { ...options, artifactType: TYPE_1 }) }),
    untagged(buildIndex([artifact()], options)),
  );
}

function platformIndex(options: ManifestOptions = {}): BuiltManifest {
  const images = PLATFORMS.map((platform) => buildImage({ ...options, platform }));
  return buildIndex(images, { ...options, platforms: PLATFORMS });
}

function artifact(options: ImageOptions = {}): BuiltManifest {
  const layers = [contentOf(randomBytes(2048), TYPE_1)];
  return buildImage({ artifactType: TYPE_1, config: EMPTY_JSON, layers, ...options });
}

function missingSubject() {
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  return { mediaType, digest: digestOf(randomBytes(16)), size: 123 };
}

function partlyElsewhere(): NonNullable<ImageOptions['layers']> {
  const away = (type: string, size: number) => {
    const digest: Digest = digestOf(randomBytes(16));
    const mediaType = `application/vnd.oci.image.layer.nondistributable.v1.${type}`;
    return { descriptor: { mediaType, digest, size, urls: [`https://store.example.com/${digest}`] } };
  };
  return [away('tar+gzip', 123_456), away('tar', 12_345), buildLayer()];
}

/** About 3.9 MB of annotations: near the 4 MiB that a registry should take. */
function largeAnnotations(): Record<string, string> {
  const names = Array.from({ length: 390 }, (_, index) => `large-annotation-${index}`);
  return Object.fromEntries(names.map((name) => [name, 'A'.repeat(10_000)]));
}

function unique(): Record<string, string> {
  return { 'org.example.unique': randomBytes(16).toString('hex') };
}

function untagged({ blobs, manifests }: BuiltManifest): DataSet {
  return { blobs: distinct(blobs), manifests: distinct(manifests), tags: new Map() };
}

function tagged(roots: Record<string, BuiltManifest>): DataSet {
  const [entry] = Object.entries(roots);
  if (entry === undefined) throw new Error('A tagged data set has a root.');
  return { ...untagged(entry[1]), tags: new Map([entry]) };
}

function tagParameters(name: string, root: BuiltManifest): DataSet {
  const set = untagged(root);
  const tags = set.manifests.map((manifest, place): [string, ManifestContent] => [
    `${name}-${place}`,
    manifest,
  ]);
  return { ...set, tags: new Map([[name, root], ...tags]), tagParameters: true };
}

function merge(...sets: DataSet[]): DataSet {
  return {
    blobs: distinct(sets.flatMap(({ blobs }) => blobs)),
    manifests: distinct(sets.flatMap(({ manifests }) => manifests)),
    tags: new Map(sets.flatMap(({ tags }) => [...tags])),
  };
}

function distinct<T extends Content>(contents: T[]): T[] {
  return [...new Map(contents.map((content) => [content.descriptor.digest, content])).values()];
}
