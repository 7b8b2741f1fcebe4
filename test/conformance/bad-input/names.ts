import { type Rule, SECTIONS } from './rule.ts';
import { REPOSITORY, type World } from './world.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

const NAMES = {
  'a name in capitals': 'Public/app',
  'a name with an empty component': 'public//app',
  'a name that begins with a dash': '-public/app',
  'a component that ends in a dot': 'public./app',
  'a component of two dots': 'public/../app',
  'two dots within a component': 'public/a..b',
  'three underscores': 'public/a___b',
  'a name of 256 characters': `public/${'a'.repeat(249)}`,
  'an encoded slash': 'public%2fapp',
  'an encoded NUL': 'public/a%00b',
  'an encoded backslash': 'public/a%5cb',
  'an encoding that is not UTF-8': 'public/a%ffb',
  'an encoding that is cut off': 'public/a%2',
  'a letter outside ASCII': 'public/%c3%a9',
};

const ROUTES: readonly (readonly [method: string, tail: string, shape: 'oci' | 'none'])[] = [
  ['GET', 'manifests/1.0', 'oci'],
  ['PUT', 'manifests/1.0', 'oci'],
  ['HEAD', `blobs/${DIGEST}`, 'none'],
  ['POST', 'blobs/uploads/', 'oci'],
  ['GET', 'tags/list', 'oci'],
  ['GET', `referrers/${DIGEST}`, 'oci'],
];

const TAGS = {
  'a tag that begins with a dot': '.tag',
  'a tag that begins with a dash': '-tag',
  'a tag of 129 characters': 'a'.repeat(129),
  'a tag with a space': 'a%20b',
  'a tag with a tab': 'a%09b',
  'a tag outside ASCII': '%c3%a9',
};

/** Repository names and tags that are none. */
export const NAME_RULES: readonly Rule[] = [
  ...ROUTES.flatMap(([method, tail, shape]) =>
    Object.entries(NAMES).map(([rule, name]): Rule => {
      const route = `${method} /v2/<name>/${tail.replace(DIGEST, '<digest>').replace('1.0', '<reference>')}`;
      const section = rule.includes('encod') ? SECTIONS.errors : SECTIONS.pulling;
      const error = { status: 400, code: 'NAME_INVALID', shape };
      return { route, rule, section, ...error, send: ({ call }) => call(method, `/v2/${name}/${tail}`) };
    }),
  ),
  ...['GET', 'PUT', 'DELETE'].flatMap((method) =>
    Object.entries(TAGS).map(([rule, tag]): Rule => ({
      route: `${method} /v2/<name>/manifests/<reference>`,
      rule,
      section: SECTIONS.pulling,
      status: 400,
      code: 'MANIFEST_INVALID',
      send: ({ call, image }) =>
        call(
          method,
          `/v2/${REPOSITORY}/manifests/${tag}`,
          method === 'PUT'
            ? { body: image.bytes, headers: { 'content-type': image.descriptor.mediaType } }
            : {},
        ),
    })),
  ),
  ...Object.entries(TAGS).map(([rule, tag]): Rule => ({
    route: 'PUT /v2/<name>/manifests/<digest>?tag=',
    rule,
    section: SECTIONS.pushingTags,
    status: 400,
    code: 'MANIFEST_INVALID',
    send: (world) => putWithTags(world, `tag=good&tag=${tag}`),
  })),
  {
    route: 'PUT /v2/<name>/manifests/<digest>?tag=',
    rule: 'more than 100 tags',
    section: SECTIONS.pushingTags,
    status: 414,
    code: 'UNSUPPORTED',
    send: (world) => putWithTags(world, Array.from({ length: 101 }, (_, n) => `tag=t${n}`).join('&')),
  },
];

function putWithTags({ call, image }: World, search: string) {
  const headers = { 'content-type': image.descriptor.mediaType };
  const path = `/v2/${REPOSITORY}/manifests/${image.descriptor.digest}?${search}`;
  return call('PUT', path, { body: image.bytes, headers });
}
