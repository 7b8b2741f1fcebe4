/** OCI image manifest (image-spec, manifest). */
export const OCI_IMAGE_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
/** OCI image index (image-spec, image-index). */
export const OCI_IMAGE_INDEX = 'application/vnd.oci.image.index.v1+json';
/** OCI image configuration. */
export const OCI_IMAGE_CONFIG = 'application/vnd.oci.image.config.v1+json';
/** The empty descriptor's type, whose content is `{}` (image-spec, Guidance for an Empty Descriptor). */
export const OCI_EMPTY = 'application/vnd.oci.empty.v1+json';
/** OCI layer, uncompressed tar. */
export const OCI_LAYER_TAR = 'application/vnd.oci.image.layer.v1.tar';
/** OCI layer, gzipped tar. */
export const OCI_LAYER_GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip';
/** Docker image manifest, version 2 schema 2. */
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
/** Docker manifest list. */
export const DOCKER_MANIFEST_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';

/** The media types under which a manifest may be stored. */
export type ManifestMediaType =
  typeof OCI_IMAGE_MANIFEST | typeof OCI_IMAGE_INDEX | typeof DOCKER_MANIFEST | typeof DOCKER_MANIFEST_LIST;

/** An image has a config and layers; an index has other manifests. */
export type ManifestKind = 'image' | 'index';

const KINDS: Readonly<Record<ManifestMediaType, ManifestKind>> = {
  [OCI_IMAGE_MANIFEST]: 'image',
  [OCI_IMAGE_INDEX]: 'index',
  [DOCKER_MANIFEST]: 'image',
  [DOCKER_MANIFEST_LIST]: 'index',
};

/** Says whether the media type is one under which a manifest may be stored; a blob has any other. */
export function isManifestMediaType(mediaType: string): mediaType is ManifestMediaType {
  return Object.hasOwn(KINDS, mediaType);
}

/** Says whether a manifest of this type is an image or an index. */
export function manifestKind(mediaType: ManifestMediaType): ManifestKind {
  return KINDS[mediaType];
}

/** Says whether layers of this type need not be pushed (image-spec, Non-Distributable Layers; Docker's foreign layers). */
export function isNonDistributable(mediaType: string): boolean {
  return (
    mediaType.startsWith('application/vnd.oci.image.layer.nondistributable.v1.') ||
    mediaType === 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' ||
    mediaType === 'application/vnd.docker.image.rootfs.foreign.diff.tar'
  );
}
