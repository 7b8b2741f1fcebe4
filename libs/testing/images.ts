import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import {
  type Descriptor,
  type DigestAlgorithm,
  digestOf,
  OCI_EMPTY,
  OCI_IMAGE_CONFIG,
  OCI_IMAGE_INDEX,
  OCI_IMAGE_MANIFEST,
  OCI_LAYER_GZIP,
  OCI_LAYER_TAR,
  type Platform,
  type ReferrerDescriptor,
} from '@dockchains/oci';

import { tarOf, type TarFile } from './tar.ts';

/** Bytes and the descriptor that names them. */
export type Content = { descriptor: Descriptor; bytes: Buffer };

/** Content that is somewhere else, known by its descriptor alone. */
type Named = { descriptor: Descriptor };

/** A layer, and the digest of what it is when it is unpacked. */
export type Layer = Content & { diffId: string };

/** A manifest's bytes; `referrer` is how the list of its subject must show it. */
export type ManifestContent = Content & { referrer?: ReferrerDescriptor; subject?: Descriptor };

/** A manifest with all that is below it: `manifests` in an order of pushing, itself last. */
export type BuiltManifest = ManifestContent & { blobs: Content[]; manifests: ManifestContent[] };

/** What every manifest may say; `extra` are fields that no specification knows. */
export type ManifestOptions = {
  algorithm?: DigestAlgorithm;
  artifactType?: string;
  annotations?: Record<string, string>;
  subject?: Descriptor;
  extra?: Record<string, unknown>;
};

/** An image: by default a config and two random gzipped layers. A layer without bytes is named, not pushed. */
export type ImageOptions = ManifestOptions & {
  mediaType?: string;
  config?: Content;
  layers?: readonly (Content | Named)[];
  platform?: Platform;
  /** Puts the content of config and layers into their descriptors' `data`. */
  embed?: boolean;
};

/** The empty descriptor's content, `{}` (image-spec, Guidance for an Empty Descriptor). */
export const EMPTY_JSON: Content = contentOf(Buffer.from('{}'), OCI_EMPTY);

/** Names bytes. */
export function contentOf(bytes: Buffer, mediaType: string, algorithm: DigestAlgorithm = 'sha256'): Content {
  return { descriptor: { mediaType, digest: digestOf(bytes, algorithm), size: bytes.length }, bytes };
}

/** Builds a layer of the files; without any, of one that no other layer has. */
export function buildLayer(
  options: { files?: readonly TarFile[]; compressed?: boolean; algorithm?: DigestAlgorithm } = {},
): Layer {
  const { files = [{ path: 'random', bytes: randomBytes(64) }], compressed = true, algorithm } = options;
  const tar = tarOf(files);
  const content = compressed
    ? contentOf(gzipSync(tar), OCI_LAYER_GZIP, algorithm)
    : contentOf(tar, OCI_LAYER_TAR, algorithm);
  return { ...content, diffId: digestOf(tar) };
}

/** Builds an image, or with an `artifactType` and a `config` an artifact. */
export function buildImage(options: ImageOptions = {}): BuiltManifest {
  const { algorithm = 'sha256', mediaType = OCI_IMAGE_MANIFEST, embed = false } = options;
  const layers = options.layers ?? [buildLayer({ algorithm }), buildLayer({ algorithm })];
  const config = options.config ?? buildConfig(layers, options);
  const blobs = [config, ...layers].filter(isContent);
  const describe = (one: Content | Named): Descriptor =>
    embed && isContent(one) ? { ...one.descriptor, data: one.bytes.toString('base64') } : one.descriptor;

  const manifest = encodeManifest(mediaType, options, {
    config: describe(config),
    layers: layers.map(describe),
  });
  const artifactType = options.artifactType ?? config.descriptor.mediaType;
  return withReferrer(manifest, options, artifactType, blobs, []);
}

/** Builds an index of manifests; each child's platform is the one that `platforms` has in its place. */
export function buildIndex(
  children: readonly BuiltManifest[],
  options: ManifestOptions & { mediaType?: string; platforms?: readonly Platform[] } = {},
): BuiltManifest {
  const manifests = children.map(({ descriptor }, place) => {
    const platform = options.platforms?.[place];
    return platform === undefined ? descriptor : { ...descriptor, platform };
  });
  const manifest = encodeManifest(options.mediaType ?? OCI_IMAGE_INDEX, options, { manifests });
  const blobs = children.flatMap((child) => child.blobs);
  return withReferrer(
    manifest,
    options,
    options.artifactType,
    blobs,
    children.flatMap((child) => child.manifests),
  );
}

function isContent(one: Content | Named): one is Content {
  return 'bytes' in one;
}

function buildConfig(layers: NonNullable<ImageOptions['layers']>, options: ImageOptions): Content {
  const { architecture, os } = options.platform ?? { architecture: 'amd64', os: 'linux' };
  const diffIds = layers.map((layer) => ('diffId' in layer ? layer.diffId : layer.descriptor.digest));
  const config = { ...options.extra, architecture, os, rootfs: { type: 'layers', diff_ids: diffIds } };
  return contentOf(Buffer.from(JSON.stringify(config)), OCI_IMAGE_CONFIG, options.algorithm);
}

function encodeManifest(mediaType: string, options: ManifestOptions, body: Record<string, unknown>): Content {
  const { algorithm, artifactType, annotations, subject, extra } = options;
  const manifest = { schemaVersion: 2, mediaType, artifactType, ...body, subject, annotations, ...extra };
  return contentOf(Buffer.from(JSON.stringify(manifest)), mediaType, algorithm);
}

function withReferrer(
  manifest: Content,
  { subject, annotations }: ManifestOptions,
  artifactType: string | undefined,
  blobs: Content[],
  below: ManifestContent[],
): BuiltManifest {
  const referrer = {
    ...manifest.descriptor,
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations !== undefined && { annotations }),
  };
  const content = subject === undefined ? manifest : { ...manifest, subject, referrer };
  return { ...content, blobs, manifests: [...below, content] };
}
