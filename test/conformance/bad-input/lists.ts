import { type Rule, SECTIONS } from './rule.ts';
import { REPOSITORY } from './world.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

const QUERIES = {
  'a negative n': 'n=-1',
  'an n that is no number': 'n=many',
  'an n with a fraction': 'n=1.5',
  'an n of 16 digits': `n=${'9'.repeat(16)}`,
  'an empty n': 'n=',
  'an n in hexadecimal': 'n=0x10',
  'a last of 513 characters': `last=${'a'.repeat(513)}`,
  'a last with a NUL': 'last=a%00b',
};

const LISTS: readonly (readonly [route: string, path: string, section: string])[] = [
  ['GET /v2/<name>/tags/list', `/v2/${REPOSITORY}/tags/list`, SECTIONS.tags],
  ['GET /v2/_catalog', '/v2/_catalog', SECTIONS.bounded],
  ['GET /v2/<name>/referrers/<digest>', `/v2/${REPOSITORY}/referrers/${DIGEST}`, SECTIONS.referrers],
];

const METHODS: readonly (readonly [route: string, method: string, path: string, allow: string])[] = [
  ['/v2/', 'POST', '/v2/', 'GET, HEAD'],
  ['/v2/_catalog', 'PUT', '/v2/_catalog', 'GET'],
  ['/v2/_oci/ext/discover', 'DELETE', '/v2/_oci/ext/discover', 'GET'],
  ['/v2/<name>/_oci/ext/discover', 'POST', `/v2/${REPOSITORY}/_oci/ext/discover`, 'GET'],
  ['/v2/<name>/tags/list', 'DELETE', `/v2/${REPOSITORY}/tags/list`, 'GET'],
  ['/v2/<name>/manifests/<reference>', 'PATCH', `/v2/${REPOSITORY}/manifests/1.0`, 'GET, HEAD, PUT, DELETE'],
  ['/v2/<name>/referrers/<digest>', 'PUT', `/v2/${REPOSITORY}/referrers/${DIGEST}`, 'GET'],
  ['/v2/<name>/blobs/<digest>', 'PUT', `/v2/${REPOSITORY}/blobs/${DIGEST}`, 'GET, HEAD, DELETE'],
  ['/v2/<name>/blobs/uploads/', 'GET', `/v2/${REPOSITORY}/blobs/uploads/`, 'POST'],
  [
    '/v2/<name>/blobs/uploads/<id>',
    'POST',
    `/v2/${REPOSITORY}/blobs/uploads/${'a'.repeat(32)}`,
    'GET, PATCH, PUT, DELETE',
  ],
];

/** Pages, filters, methods and paths below `/v2/`, and `ns`. */
export const LIST_RULES: readonly Rule[] = [
  ...LISTS.flatMap(([route, path, section]) =>
    Object.entries(QUERIES).map(([rule, query]): Rule => {
      const error = { status: 400, code: 'UNSUPPORTED' };
      return { route, rule, section, ...error, send: ({ call }) => call('GET', `${path}?${query}`) };
    }),
  ),
  ...Object.entries({
    'an artifactType of 256 characters': `artifactType=${'a'.repeat(256)}`,
    'an artifactType with a NUL': 'artifactType=a%00b',
  }).map(([rule, query]): Rule => ({
    route: 'GET /v2/<name>/referrers/<digest>',
    rule,
    section: SECTIONS.referrers,
    status: 400,
    code: 'UNSUPPORTED',
    send: ({ call }) => call('GET', `/v2/${REPOSITORY}/referrers/${DIGEST}?${query}`),
  })),
  ...Object.entries({
    'a before that is no time': 'before=yesterday',
    'a before of a thirteenth month': 'before=2026-13-01T00:00:00Z',
    'a since without a zone': 'since=2026-01-01T00:00:00',
    'an empty since': 'since=',
    'a last that is no position': 'last=abc',
    'a negative n': 'n=-1',
  }).map(([rule, query]): Rule => ({
    ...{ route: 'GET /v2/<name>/_oci/tag-history/<tag>', rule, section: SECTIONS.history },
    ...{ status: 400, code: 'UNSUPPORTED' },
    send: ({ call }) => call('GET', `/v2/${REPOSITORY}/_oci/tag-history/1.0?${query}`),
  })),
  {
    ...{ route: 'GET /v2/<name>/_oci/tag-history/<tag>', rule: 'a digest that is none', status: 400 },
    ...{ section: SECTIONS.history, code: 'DIGEST_INVALID' },
    send: ({ call }) => call('GET', `/v2/${REPOSITORY}/_oci/tag-history/1.0?digest=sha256:abc`),
  },
  {
    ...{ route: 'GET /v2/<name>/_oci/tag-history/<tag>', rule: 'a tag that is none', status: 400 },
    ...{ section: SECTIONS.history, code: 'MANIFEST_INVALID' },
    send: ({ call }) => call('GET', `/v2/${REPOSITORY}/_oci/tag-history/-bad`),
  },
  ...METHODS.map(([path, method, sent, allow]): Rule => ({
    route: `${method} ${path}`,
    rule: `a method that is none of ${allow}`,
    section: SECTIONS.methods,
    status: 405,
    code: 'UNSUPPORTED',
    async send({ call }) {
      const answer = await call(method, sent, { body: 'x' });
      if (answer.headers.allow !== allow) throw new Error(`Allow is ${answer.headers.allow ?? 'absent'}.`);
      return answer;
    },
  })),
  ...Object.entries({
    'a path of no route': `/v2/${REPOSITORY}/nothing/here`,
    'a repository alone': `/v2/${REPOSITORY}`,
  }).map(([rule, path]): Rule => ({
    route: 'GET /v2/…',
    rule,
    section: SECTIONS.errors,
    status: 404,
    code: 'NAME_UNKNOWN',
    send: ({ call }) => call('GET', path),
  })),
  {
    route: 'GET /v2/…',
    rule: 'a path over 2,048 characters',
    section: SECTIONS.bounded,
    status: 400,
    code: 'NAME_INVALID',
    send: ({ call }) => call('GET', `/v2/${'a/'.repeat(1024)}manifests/1.0`),
  },
  ...['docker.io', '', '169.254.169.254', 'acme.example&ns=docker.io'].flatMap((namespace) =>
    (['GET', 'PUT'] as const).map((method): Rule => ({
      route: `${method} /v2/<name>/manifests/<reference>?ns=`,
      rule: `a namespace "${namespace}" that is not ours`,
      section: SECTIONS.proxying,
      status: 404,
      code: 'NAME_UNKNOWN',
      send: ({ call, image }) =>
        call(method, `/v2/${REPOSITORY}/manifests/1.0?ns=${namespace}`, {
          ...(method === 'PUT' && { body: image.bytes }),
          headers: { 'content-type': image.descriptor.mediaType },
        }),
    })),
  ),
];
