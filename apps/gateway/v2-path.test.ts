import { expect, test } from 'vitest';

import { parseV2Path } from './v2-path.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

test.each([
  { path: '/v2/', target: { kind: 'ping' } },
  { path: '/v2', target: { kind: 'ping' } },
  { path: '/v2/_catalog', target: { kind: 'catalog' } },
  { path: '/v2/_oci/ext/discover', target: { kind: 'extensions', repository: undefined } },
  { path: '/v2/a/b/_oci/ext/discover', target: { kind: 'extensions', repository: 'a/b' } },
  {
    path: '/v2/a/_oci/tag-history/1.0',
    target: { kind: 'tag-history', repository: 'a', tag: '1.0' },
  },
  { path: '/v2/a/tags/list', target: { kind: 'tags', repository: 'a' } },
  { path: '/v2/a/b/c/tags/list', target: { kind: 'tags', repository: 'a/b/c' } },
  { path: '/v2/a/manifests/1.0', target: { kind: 'manifest', repository: 'a', reference: '1.0' } },
  { path: `/v2/a/b/manifests/${DIGEST}`, target: { kind: 'manifest', repository: 'a/b', reference: DIGEST } },
  {
    path: `/v2/a/manifests/${DIGEST.replace(':', '%3A')}`,
    target: { kind: 'manifest', repository: 'a', reference: DIGEST },
  },
  { path: `/v2/a/blobs/${DIGEST}`, target: { kind: 'blob', repository: 'a', digest: DIGEST } },
  { path: '/v2/a/blobs/uploads/', target: { kind: 'uploads', repository: 'a' } },
  { path: '/v2/a/blobs/uploads', target: { kind: 'uploads', repository: 'a' } },
  { path: '/v2/a/blobs/uploads/42', target: { kind: 'upload', repository: 'a', id: '42' } },
  { path: `/v2/a/referrers/${DIGEST}`, target: { kind: 'referrers', repository: 'a', digest: DIGEST } },
  // Names that hold the routes' own words.
  {
    path: '/v2/manifests/manifests/manifests',
    target: { kind: 'manifest', repository: 'manifests', reference: 'manifests' },
  },
  {
    path: '/v2/a/blobs/uploads/manifests/x',
    target: { kind: 'manifest', repository: 'a/blobs/uploads', reference: 'x' },
  },
  { path: '/v2/tags/list/tags/list', target: { kind: 'tags', repository: 'tags/list' } },
  { path: '/v2/blobs/uploads/blobs/uploads/', target: { kind: 'uploads', repository: 'blobs/uploads' } },
])('reads $path', ({ path, target }) => {
  expect(parseV2Path(path)).toEqual(target);
});

test.each(['/v2/a', '/v2/a/tags', '/v2/a/tags/lists', '/v2/_catalogue', '/v2//', '/v3/'])(
  'knows no route for %s',
  (path) => {
    expect(parseV2Path(path)).toBeUndefined();
  },
);

test.each([
  '/v2/A/manifests/1.0',
  '/v2//manifests/1.0',
  '/v2/manifests/1.0',
  '/v2/a/../manifests/1.0',
  '/v2/a%2fb/manifests/1.0',
  '/v2/a%2Fb/manifests/1.0',
  '/v2/a%5cb/manifests/1.0',
  '/v2/a%00/manifests/1.0',
  '/v2/a%/manifests/1.0',
  '/v2/a b/manifests/1.0',
  '/v2/a/_oci/manifests/1.0',
  `/v2/${'a'.repeat(256)}/manifests/1.0`,
  `/v2/${'a/'.repeat(1500)}manifests/1.0`,
])('refuses %s as NAME_INVALID', (path) => {
  expect(() => parseV2Path(path)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
});
