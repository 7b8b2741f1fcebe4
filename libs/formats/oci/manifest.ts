import { z } from 'zod';

import {
  annotationsSchema,
  type Descriptor,
  descriptorSchema,
  optionalField,
  toDescriptor,
} from './descriptor.ts';
import type { Digest } from './digest.ts';
import { findDisguisedField } from './disguised-field.ts';
import { OciError } from './errors.ts';
import {
  isManifestMediaType,
  isNonDistributable,
  type ManifestKind,
  manifestKind,
  type ManifestMediaType,
  OCI_IMAGE_INDEX,
  OCI_IMAGE_MANIFEST,
} from './media-types.ts';
import { hasRepeatedMember } from './repeated-member.ts';

/** Longest manifest in bytes that is stored; the limit that containerd too keeps. */
export const MAX_MANIFEST_BYTES = 4_393_216;

/** Most layers of an image and most children of an index: each costs a look-up. */
export const MAX_DESCRIPTORS = 10_000;

/** What a manifest's bytes say. The bytes themselves are stored and served unchanged. */
export type Manifest = {
  mediaType: ManifestMediaType;
  kind: ManifestKind;
  config?: Descriptor;
  /** Of an image, in order; empty for an index. */
  layers: Descriptor[];
  /** Of an index, in order; empty for an image. */
  manifests: Descriptor[];
  /** Of OCI types alone; it need not exist. */
  subject?: Descriptor;
  /** As the referrers list shows it: an image without one falls back to its config's media type, an index does not. */
  artifactType?: string;
  annotations?: Record<string, string>;
  /** Blobs that must be in the repository first: config, layers but those with URLs or of a non-distributable type, and an index's children that are no manifests. */
  requiredBlobs: Digest[];
  /** An index's children of a manifest media type: they must be in the repository first, so that no index is stored with holes. */
  requiredManifests: Digest[];
};

const manifestSchema = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: optionalField(z.string().max(255)),
  artifactType: optionalField(z.string().max(255)),
  config: optionalField(descriptorSchema),
  layers: optionalField(z.array(descriptorSchema).max(MAX_DESCRIPTORS)),
  manifests: optionalField(z.array(descriptorSchema).max(MAX_DESCRIPTORS)),
  subject: optionalField(descriptorSchema),
  annotations: annotationsSchema,
});

type WireManifest = z.output<typeof manifestSchema>;

/**
 * Reads an OCI image manifest or index, or a Docker schema 2 manifest or list. `contentType` is the request's header, parameters ignored;
 * where it is absent the body's `mediaType` counts, and where that is absent too, what the body holds.
 * @throws OciError MANIFEST_INVALID, SIZE_INVALID
 */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): Manifest {
  return toManifest(readJson(bytes).value, contentType);
}

/**
 * Reads a manifest that is about to be stored, as {@link parseManifest} does, and refuses one that may be one image to us and another to a
 * client: with two members of one name in an object, of which either may count (RFC 8259 §4), or with a field's name in another case.
 * @throws OciError MANIFEST_INVALID, SIZE_INVALID
 */
export function parseNewManifest(bytes: Uint8Array, contentType: string | undefined): Manifest {
  const { text, value } = readJson(bytes);
  const manifest = toManifest(value, contentType);
  if (hasRepeatedMember(text, value)) {
    throw invalid('An object in the manifest has two members of one name: name each once.');
  }
  const disguised = typeof value === 'object' && value !== null ? findDisguisedField(value) : undefined;
  if (disguised === undefined) return manifest;
  throw invalid(
    `The manifest's member "${disguised}" is a field's name in another case, which some clients take for the field: write it as the specification does.`,
  );
}

function toManifest(value: unknown, contentType: string | undefined): Manifest {
  const wire = toWire(value);
  const mediaType = mediaTypeOf(wire, contentType);
  // One document that is an image to one reader and an index to another hides content (image-spec, CVE-2021-41190).
  return manifestKind(mediaType) === 'image' ? toImage(wire, mediaType) : toIndex(wire, mediaType);
}

function readJson(bytes: Uint8Array): { text: string; value: unknown } {
  if (bytes.length > MAX_MANIFEST_BYTES) {
    throw new OciError('SIZE_INVALID', `The manifest is longer than ${MAX_MANIFEST_BYTES} bytes.`);
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { text, value: JSON.parse(text) };
  } catch (cause) {
    throw new OciError('MANIFEST_INVALID', 'The manifest is not JSON in UTF-8.', { cause });
  }
}

function toWire(value: unknown): WireManifest {
  const parsed = manifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue?.path.map(String).join('.') ?? '';
  throw invalid(`The manifest's ${path === '' ? 'body' : `field "${path.slice(0, 200)}"`} is not valid.`, {
    path,
    reason: issue?.message.slice(0, 200),
  });
}

function mediaTypeOf(wire: WireManifest, contentType: string | undefined): ManifestMediaType {
  const sent = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  const written = wire.mediaType;
  if (sent !== undefined && sent !== '' && written !== undefined && sent !== written) {
    throw invalid('The Content-Type is not the mediaType that the manifest states.', {
      contentType: sent.slice(0, 255),
      mediaType: written,
    });
  }
  const mediaType = (sent === '' ? undefined : sent) ?? written ?? guessMediaType(wire);
  if (isManifestMediaType(mediaType)) return mediaType;
  throw invalid(
    'The media type is none of an OCI image manifest or index or a Docker schema 2 manifest or list.',
    {
      mediaType: mediaType.slice(0, 255),
    },
  );
}

function guessMediaType(wire: WireManifest): ManifestMediaType {
  return wire.manifests !== undefined ? OCI_IMAGE_INDEX : OCI_IMAGE_MANIFEST;
}

function toImage(wire: WireManifest, mediaType: ManifestMediaType): Manifest {
  if (wire.manifests !== undefined) throw invalid('An image manifest must not have a field "manifests".');
  if (wire.config === undefined) throw invalid('An image manifest must have a field "config".');
  const config = toDescriptor(wire.config);
  const layers = (wire.layers ?? []).map(toDescriptor);

  return {
    ...commonFields(wire, mediaType),
    config,
    layers,
    artifactType: nonEmpty(wire.artifactType) ?? config.mediaType,
    requiredBlobs: digestsOf([config, ...layers.filter(isStoredHere)]),
    requiredManifests: [],
  };
}

function toIndex(wire: WireManifest, mediaType: ManifestMediaType): Manifest {
  if (wire.config !== undefined || wire.layers !== undefined) {
    throw invalid('An index must not have a field "config" or "layers".');
  }
  const manifests = (wire.manifests ?? []).map(toDescriptor);
  const artifactType = nonEmpty(wire.artifactType);
  // BuildKit exports its cache as an index whose children are layers: their media type tells.
  const blobs = manifests.filter((child) => !isManifestMediaType(child.mediaType));

  return {
    ...commonFields(wire, mediaType),
    manifests,
    ...(artifactType !== undefined && { artifactType }),
    requiredBlobs: digestsOf(blobs.filter(isStoredHere)),
    requiredManifests: digestsOf(manifests.filter((child) => isManifestMediaType(child.mediaType))),
  };
}

function commonFields(wire: WireManifest, mediaType: ManifestMediaType) {
  const hasSubject = mediaType === OCI_IMAGE_MANIFEST || mediaType === OCI_IMAGE_INDEX;
  return {
    mediaType,
    kind: manifestKind(mediaType),
    layers: [],
    manifests: [],
    ...(hasSubject && wire.subject !== undefined && { subject: toDescriptor(wire.subject) }),
    ...(wire.annotations !== undefined && { annotations: wire.annotations }),
  };
}

function isStoredHere({ mediaType, urls }: Descriptor): boolean {
  return urls === undefined && !isNonDistributable(mediaType);
}

function digestsOf(descriptors: Descriptor[]): Digest[] {
  return [...new Set(descriptors.map(({ digest }) => digest))];
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}

function invalid(message: string, detail?: unknown): OciError {
  return new OciError('MANIFEST_INVALID', message, { detail });
}
