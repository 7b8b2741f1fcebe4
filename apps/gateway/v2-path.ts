import { isRepositoryName, OciError, parseRepositoryName, type RepositoryName } from '@dockchains/oci';

/** What a path below `/v2/` names; references and digests are not read yet, so that each route refuses them in its words. */
export type V2Target =
  | { readonly kind: 'ping' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'extensions'; readonly repository: RepositoryName | undefined }
  | { readonly kind: 'tags'; readonly repository: RepositoryName }
  | { readonly kind: 'tag-history'; readonly repository: RepositoryName; readonly tag: string }
  | { readonly kind: 'manifest'; readonly repository: RepositoryName; readonly reference: string }
  | { readonly kind: 'referrers'; readonly repository: RepositoryName; readonly digest: string }
  | { readonly kind: 'blob'; readonly repository: RepositoryName; readonly digest: string }
  | { readonly kind: 'uploads'; readonly repository: RepositoryName }
  | { readonly kind: 'upload'; readonly repository: RepositoryName; readonly id: string };

/** The kinds of target, one for each file of routes. */
export type V2Kind = V2Target['kind'];

const MAX_PATH = 2048;

/**
 * Reads a request's path as it was sent, `/v2/` and all that follows but the query. A repository's name may hold any
 * component, also `manifests` or `blobs`: the end of the path decides. Undefined for a shape that no route has.
 * @throws OciError NAME_INVALID
 */
export function parseV2Path(path: string): V2Target | undefined {
  if (path.length > MAX_PATH) throw invalidPath();
  if (path === '/v2' || path === '/v2/') return { kind: 'ping' };
  if (!path.startsWith('/v2/')) return undefined;
  const parts = path.slice('/v2/'.length).split('/').map(decodePart);
  const joined = parts.join('/');
  if (joined === '_catalog') return { kind: 'catalog' };
  if (joined === '_oci/ext/discover') return { kind: 'extensions', repository: undefined };

  const [third, second, last = ''] = [parts.at(-3), parts.at(-2), parts.at(-1)];
  const named = (tail: number): { repository: RepositoryName } => ({
    repository: parseRepositoryName(parts.slice(0, -tail).join('/')),
  });
  if (third === '_oci' && second === 'ext' && last === 'discover') return { kind: 'extensions', ...named(3) };
  if (third === '_oci' && second === 'tag-history') return { kind: 'tag-history', ...named(3), tag: last };
  if (second === 'tags' && last === 'list') return { kind: 'tags', ...named(2) };
  if (second === 'manifests') return { kind: 'manifest', ...named(2), reference: last };
  if (second === 'referrers') return { kind: 'referrers', ...named(2), digest: last };
  if (third === 'blobs' && second === 'uploads') {
    return last === '' ? { kind: 'uploads', ...named(3) } : { kind: 'upload', ...named(3), id: last };
  }
  if (second === 'blobs' && last === 'uploads') return { kind: 'uploads', ...named(2) };
  if (second === 'blobs') return { kind: 'blob', ...named(2), digest: last };
  return undefined;
}

/** Reads a repository's name from a query parameter; undefined if it is none, such as one of another registry. */
export function findRepositoryName(text: string | null): RepositoryName | undefined {
  return text !== null && isRepositoryName(text) ? text : undefined;
}

function decodePart(part: string): string {
  if (!part.includes('%')) return part;
  let decoded: string;
  try {
    decoded = decodeURIComponent(part);
  } catch {
    throw invalidPath();
  }
  // An encoded slash would make one component look like two, or two like one, to whoever checks the path before us.
  if (/[/\\\0]/.test(decoded)) throw invalidPath();
  return decoded;
}

function invalidPath(): OciError {
  return new OciError('NAME_INVALID', 'The path is too long, or holds an encoding that no name has.');
}
