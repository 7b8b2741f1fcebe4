import { z } from 'zod';

import { digestOf, digestAlgorithm, type Digest, isDigest } from './digest.ts';
import { OciError } from './errors.ts';

/** A descriptor (image-spec, descriptor): what a manifest says of other content. Unknown fields are not kept here; the manifest's bytes have them. */
export type Descriptor = {
  mediaType: string;
  digest: Digest;
  /** Bytes of the content. */
  size: number;
  urls?: string[];
  annotations?: Record<string, string>;
  /** The content itself in base64, checked against digest and size. */
  data?: string;
  artifactType?: string;
  platform?: Platform;
};

/** What an index says of the machine that an image is for; unknown fields are not kept. */
export type Platform = { architecture: string; os: string; variant?: string; 'os.version'?: string };

/** A field that may be absent; Go writes absent slices and maps as null, which stands for absence here too. */
export function optionalField<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** The wire form of annotations: text by text. */
export const annotationsSchema = optionalField(z.record(z.string(), z.string()));

const platformSchema = z.looseObject({
  architecture: z.string(),
  os: z.string(),
  variant: optionalField(z.string()),
  'os.version': optionalField(z.string()),
});

/** The wire form of a descriptor, unknown fields tolerated. */
export const descriptorSchema = z.looseObject({
  mediaType: z.string().min(1).max(255),
  digest: z.string().refine(isDigest, 'is not a sha256 or sha512 digest'),
  size: z.int().nonnegative(),
  urls: optionalField(z.array(z.string())),
  annotations: annotationsSchema,
  data: optionalField(z.base64()),
  artifactType: optionalField(z.string().max(255)),
  platform: optionalField(platformSchema),
});

/**
 * Gives the descriptor's known fields, absent ones left out.
 * @throws OciError MANIFEST_INVALID if `data` is not the content that digest and size name
 */
export function toDescriptor(wire: z.output<typeof descriptorSchema>): Descriptor {
  const { mediaType, digest, size, urls, annotations, data, artifactType, platform } = wire;
  if (data !== undefined) verifyData(data, digest, size);
  return {
    mediaType,
    digest,
    size,
    ...(urls !== undefined && urls.length > 0 && { urls }),
    ...(annotations !== undefined && { annotations }),
    ...(data !== undefined && { data }),
    ...(artifactType !== undefined && artifactType !== '' && { artifactType }),
    ...(platform !== undefined && { platform: toPlatform(platform) }),
  };
}

function toPlatform({ architecture, os, variant, ...rest }: z.output<typeof platformSchema>): Platform {
  const version = rest['os.version'];
  return {
    architecture,
    os,
    ...(variant !== undefined && { variant }),
    ...(version !== undefined && { 'os.version': version }),
  };
}

function verifyData(data: string, digest: Digest, size: number): void {
  const bytes = Buffer.from(data, 'base64');
  if (bytes.length === size && digestOf(bytes, digestAlgorithm(digest)) === digest) return;
  throw new OciError(
    'MANIFEST_INVALID',
    'The data field of a descriptor is not what its digest and size say.',
    {
      detail: { digest },
    },
  );
}
