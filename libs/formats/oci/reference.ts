import { type Digest, parseDigest } from './digest.ts';
import { OciError } from './errors.ts';

declare const repositoryBrand: unique symbol;
declare const tagBrand: unique symbol;

/** A repository's name as in `/v2/<name>/`: lowercase components separated by `/`, at most 255 characters. */
export type RepositoryName = string & { readonly [repositoryBrand]: true };

/** A tag: at most 128 characters of letters, digits, `_`, `.` and `-`, the first neither `.` nor `-`. */
export type Tag = string & { readonly [tagBrand]: true };

/** What stands behind `/manifests/`: a tag or a digest. */
export type ManifestReference = { kind: 'tag'; tag: Tag } | { kind: 'digest'; digest: Digest };

/** An image as people write it, `[host[:port]/]name[:tag][@digest]`; nothing is filled in where a part is missing. */
export type ImageReference = {
  registry?: string;
  repository: RepositoryName;
  tag?: Tag;
  digest?: Digest;
};

const MAX_NAME = 255;
// No component can be read in two ways by these, so that matching stays linear.
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const HOST =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[0-9a-fA-F:.]{2,45}\])(?::[0-9]{1,5})?$/;
const MAX_REFERENCE = 1024;

/** Says whether the text is a repository name (distribution-spec, Pulling manifests). */
export function isRepositoryName(text: string): text is RepositoryName {
  return text.length <= MAX_NAME && text.split('/').every((component) => COMPONENT.test(component));
}

/**
 * Reads a repository name.
 * @throws OciError NAME_INVALID
 */
export function parseRepositoryName(text: string): RepositoryName {
  if (isRepositoryName(text)) return text;
  throw new OciError(
    'NAME_INVALID',
    `The repository name must be lowercase components separated by "/", at most ${MAX_NAME} characters.`,
    { detail: { name: text.slice(0, MAX_NAME) } },
  );
}

/** Says whether the text is a tag (distribution-spec, Pulling manifests). */
export function isTag(text: string): text is Tag {
  return TAG.test(text);
}

/**
 * Reads a tag. The specification has no code for a bad tag: it is answered as what it stands in the place of, a manifest's reference.
 * @throws OciError MANIFEST_INVALID
 */
export function parseTag(text: string): Tag {
  if (isTag(text)) return text;
  throw new OciError(
    'MANIFEST_INVALID',
    'The tag must be 1 to 128 letters, digits, "_", "." or "-", and not begin with "." or "-".',
    { detail: { tag: text.slice(0, 128) } },
  );
}

/**
 * Reads the reference of a manifest's path; a colon makes it a digest, since no tag has one.
 * @throws OciError DIGEST_INVALID, MANIFEST_INVALID
 */
export function parseManifestReference(text: string): ManifestReference {
  if (text.includes(':')) return { kind: 'digest', digest: parseDigest(text) };
  return { kind: 'tag', tag: parseTag(text) };
}

/**
 * Reads an image reference as Docker does: the first component is a host if it has a dot or a colon or is `localhost`.
 * @throws OciError NAME_INVALID, MANIFEST_INVALID (tag), DIGEST_INVALID
 */
export function parseImageReference(text: string): ImageReference {
  if (text.length > MAX_REFERENCE) {
    throw new OciError('NAME_INVALID', `The image reference is longer than ${MAX_REFERENCE} characters.`);
  }
  const at = text.indexOf('@');
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : parseDigest(text.slice(at + 1));
  const { registry, rest } = splitRegistry(named);
  const colon = rest.indexOf(':');
  const tag = colon < 0 ? undefined : parseTag(rest.slice(colon + 1));
  const repository = parseRepositoryName(colon < 0 ? rest : rest.slice(0, colon));

  return {
    ...(registry !== undefined && { registry }),
    repository,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
  };
}

/** Writes an image reference so that {@link parseImageReference} gives it back. */
export function encodeImageReference({ registry, repository, tag, digest }: ImageReference): string {
  return `${registry === undefined ? '' : `${registry}/`}${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

function splitRegistry(text: string): { registry?: string; rest: string } {
  const slash = text.indexOf('/');
  if (slash < 0) return { rest: text };
  const first = text.slice(0, slash);
  if (first !== 'localhost' && !/[.:]/.test(first)) return { rest: text };
  if (!HOST.test(first)) {
    throw new OciError('NAME_INVALID', 'The image reference begins with something that is no host name.', {
      detail: { host: first.slice(0, MAX_NAME) },
    });
  }
  return { registry: first, rest: text.slice(slash + 1) };
}
