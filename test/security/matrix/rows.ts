import type { V2Kind } from '../../../apps/gateway/v2-path.ts';
import type { PrincipalName, Visibility, World } from './world.ts';

/** What a route asks of the caller; `nothing` where everybody is answered alike. */
export type Need = 'pull' | 'push' | 'delete' | 'list' | 'token' | 'nothing';

/** One request to a route: harmless, so that who may make it changes nothing. */
export interface Row {
  readonly kind: V2Kind;
  readonly method: string;
  readonly need: Need;
  /** What follows `/v2/<name>/`; or, with a slash in front, the whole path. */
  readonly path: (world: World) => string;
  readonly body?: (world: World) => Buffer;
  /** The status for those who may, by repository. */
  readonly reached: Readonly<Record<Visibility, number>>;
}

const same = (status: number): Row['reached'] => ({ public: status, hidden: status, absent: status });
const there: Row['reached'] = { public: 200, hidden: 200, absent: 404 };
const UPLOAD = `blobs/uploads/${'0'.repeat(32)}`;
const UNKNOWN = `sha256:${'0'.repeat(64)}`;
const text = (body: string) => (): Buffer => Buffer.from(body);
const layerOf = ({ image }: World): string => image.blobs[1]?.descriptor.digest ?? '';

/** Every method of every kind of path below `/v2/`, at least once. */
export const ROWS: readonly Row[] = [
  { kind: 'ping', method: 'GET', need: 'token', path: () => '/v2/', reached: same(200) },
  { kind: 'ping', method: 'HEAD', need: 'token', path: () => '/v2/', reached: same(200) },
  { kind: 'catalog', method: 'GET', need: 'list', path: () => '/v2/_catalog', reached: same(200) },
  {
    ...{ kind: 'extensions', method: 'GET', need: 'pull', path: () => '_oci/ext/discover' },
    reached: same(200),
  },
  { kind: 'tags', method: 'GET', need: 'pull', path: () => 'tags/list', reached: there },
  { kind: 'tags', method: 'GET', need: 'pull', path: () => 'tags/list?n=1&last=0', reached: there },
  {
    kind: 'tag-history',
    method: 'GET',
    need: 'pull',
    path: () => '_oci/tag-history/1.0',
    reached: same(200),
  },
  { kind: 'manifest', method: 'GET', need: 'pull', path: () => 'manifests/1.0', reached: there },
  { kind: 'manifest', method: 'HEAD', need: 'pull', path: () => 'manifests/1.0', reached: there },
  {
    ...{ kind: 'manifest', method: 'GET', need: 'pull', reached: there },
    path: ({ image }) => `manifests/${image.descriptor.digest}`,
  },
  { kind: 'manifest', method: 'GET', need: 'pull', path: () => 'manifests/none', reached: same(404) },
  {
    ...{ kind: 'manifest', method: 'PUT', need: 'push', path: () => 'manifests/none', body: text('{') },
    reached: same(400),
  },
  { kind: 'manifest', method: 'DELETE', need: 'delete', path: () => 'manifests/none', reached: same(404) },
  {
    ...{ kind: 'manifest', method: 'DELETE', need: 'delete', path: () => `manifests/${UNKNOWN}` },
    reached: same(404),
  },
  {
    ...{ kind: 'referrers', method: 'GET', need: 'pull', reached: same(200) },
    path: ({ image }) => `referrers/${image.descriptor.digest}`,
  },
  {
    ...{ kind: 'blob', method: 'GET', need: 'pull', path: (world) => `blobs/${layerOf(world)}` },
    reached: there,
  },
  {
    ...{ kind: 'blob', method: 'HEAD', need: 'pull', path: (world) => `blobs/${layerOf(world)}` },
    reached: there,
  },
  { kind: 'blob', method: 'GET', need: 'pull', path: () => `blobs/${UNKNOWN}`, reached: same(404) },
  { kind: 'blob', method: 'DELETE', need: 'delete', path: () => `blobs/${UNKNOWN}`, reached: same(404) },
  {
    ...{ kind: 'uploads', method: 'POST', need: 'push', body: text('other bytes'), reached: same(400) },
    path: () => `blobs/uploads/?digest=${UNKNOWN}`,
  },
  { kind: 'upload', method: 'GET', need: 'push', path: () => UPLOAD, reached: same(404) },
  { kind: 'upload', method: 'PATCH', need: 'push', path: () => UPLOAD, body: text('x'), reached: same(404) },
  {
    ...{ kind: 'upload', method: 'PUT', need: 'push', body: text('x'), reached: same(404) },
    path: () => `${UPLOAD}?digest=${UNKNOWN}`,
  },
  { kind: 'upload', method: 'DELETE', need: 'push', path: () => UPLOAD, reached: same(404) },
];

const RIGHTS: Readonly<Partial<Record<PrincipalName, readonly Need[]>>> = {
  reader: ['pull'],
  publisher: ['pull', 'push', 'delete'],
  robot: ['pull', 'push', 'delete'],
  operator: ['pull', 'push', 'delete'],
};

/** The status that a principal must get for a row in a repository (design §8, One decision point). */
export function statusOf({ need, reached }: Row, principal: PrincipalName, visibility: Visibility): number {
  const isGenuine = !['expired', 'revoked'].includes(principal) && !principal.startsWith('forged');
  if (!isGenuine) return 401;
  if (need === 'nothing' || need === 'list') return reached[visibility];
  if (need === 'token') return principal === 'anonymous' ? 401 : reached[visibility];
  if (RIGHTS[principal]?.includes(need) === true) return reached[visibility];
  if (need === 'pull' && visibility === 'public') return reached.public;
  if (principal === 'anonymous') return 401;
  return need === 'pull' ? 404 : 403;
}
