import { type Rule, SECTIONS } from './rule.ts';
import { REPOSITORY } from './world.ts';

const HEX = 'a'.repeat(64);
const DIGESTS = {
  'a digest of md5': `md5:${'a'.repeat(32)}`,
  'a digest in capitals': `sha256:${HEX.toUpperCase()}`,
  'a digest that is too short': `sha256:${HEX.slice(1)}`,
  'a digest that is too long': `sha256:${HEX}a`,
  'a sha512 of the length of a sha256': `sha512:${HEX}`,
  'a digest without its hexadecimal part': 'sha256:',
  'a digest that is not hexadecimal': `sha256:${'g'.repeat(64)}`,
};

const PLACES: readonly (readonly [method: string, tail: string, section: string])[] = [
  ['GET', 'manifests/<digest>', SECTIONS.pulling],
  ['HEAD', 'manifests/<digest>', SECTIONS.pulling],
  ['PUT', 'manifests/<digest>', SECTIONS.pushingManifests],
  ['DELETE', 'manifests/<digest>', SECTIONS.deleting],
  ['GET', 'blobs/<digest>', SECTIONS.pullingBlobs],
  ['HEAD', 'blobs/<digest>', SECTIONS.pullingBlobs],
  ['DELETE', 'blobs/<digest>', SECTIONS.deleting],
  ['GET', 'referrers/<digest>', SECTIONS.referrers],
  ['POST', 'blobs/uploads/?digest=<digest>', SECTIONS.pushingBlobs],
  ['POST', 'blobs/uploads/?mount=<digest>&from=public/other', SECTIONS.mounting],
];

/** Digests that are none, wherever a request has one. */
export const DIGEST_RULES: readonly Rule[] = [
  ...PLACES.flatMap(([method, tail, section]) =>
    Object.entries(DIGESTS).map(([rule, digest]): Rule => ({
      route: `${method} /v2/<name>/${tail}`,
      rule,
      section,
      status: 400,
      code: 'DIGEST_INVALID',
      shape: method === 'HEAD' ? 'none' : 'oci',
      send: ({ call }) => call(method, `/v2/${REPOSITORY}/${tail.replace('<digest>', digest)}`),
    })),
  ),
  ...Object.entries(DIGESTS).map(([rule, digest]): Rule => ({
    route: 'PUT /v2/<name>/blobs/uploads/<id>?digest=',
    rule,
    section: SECTIONS.pushingBlobs,
    status: 400,
    code: 'DIGEST_INVALID',
    prepare: ({ beginUpload }) => beginUpload(),
    send: ({ call }, location) => call('PUT', `${location}?digest=${digest}`, { body: 'some bytes' }),
  })),
];
