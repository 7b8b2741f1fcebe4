export { type Descriptor, type Platform } from './descriptor.ts';
export {
  type Digest,
  digestAlgorithm,
  type DigestAlgorithm,
  digestHex,
  digestOf,
  isDigest,
  isDigestAlgorithm,
  parseDigest,
} from './digest.ts';
export {
  encodeErrorBody,
  OciError,
  type OciErrorCode,
  type OciErrorOptions,
  STATUS_OF_CODE,
} from './errors.ts';
export {
  type Manifest,
  MAX_DESCRIPTORS,
  MAX_MANIFEST_BYTES,
  parseManifest,
  parseNewManifest,
} from './manifest.ts';
export {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  isManifestMediaType,
  isNonDistributable,
  manifestKind,
  type ManifestKind,
  type ManifestMediaType,
  OCI_EMPTY,
  OCI_IMAGE_CONFIG,
  OCI_IMAGE_INDEX,
  OCI_IMAGE_MANIFEST,
  OCI_LAYER_GZIP,
  OCI_LAYER_TAR,
} from './media-types.ts';
export { type ByteRange, type ContentRange, parseContentRange, parseRange } from './range.ts';
export { findOrganisation, keptName, type QualifiedName, splitOrganisation } from './organisation-name.ts';
export {
  encodeImageReference,
  type ImageReference,
  isRepositoryName,
  isTag,
  type ManifestReference,
  parseImageReference,
  parseManifestReference,
  parseRepositoryName,
  parseTag,
  type RepositoryName,
  type Tag,
} from './reference.ts';
export {
  buildReferrersIndex,
  parseReferrersTag,
  type ReferrerDescriptor,
  type ReferrersTag,
  referrersTag,
} from './referrers.ts';
export { encodeScope, parseScopes, type Scope } from './scope.ts';
