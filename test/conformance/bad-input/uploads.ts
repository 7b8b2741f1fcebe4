import { type Rule, SECTIONS } from './rule.ts';
import { REPOSITORY, type World } from './world.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const UNKNOWN = `/v2/${REPOSITORY}/blobs/uploads/${'0'.repeat(32)}`;
const SESSION = '/v2/<name>/blobs/uploads/<id>';
const begin = ({ beginUpload }: World): Promise<string> => beginUpload();

const IDS = {
  'an id that is not there': '0'.repeat(32),
  'an id that is none': 'not-an-id',
  'an id in capitals': 'A'.repeat(32),
  'an id that leaves its folder': '..%2e',
  'an id of 1,000 characters': 'a'.repeat(1000),
};

const CONTENT_RANGES = {
  'a Content-Range in words': 'from here to there',
  'a Content-Range that ends before it begins': '10-5',
  'a Content-Range without an end': '0-',
  'a Content-Range that is negative': '-1-5',
  'a Content-Range of 20 digits': `${'9'.repeat(20)}-${'9'.repeat(20)}`,
  'a chunk that begins too late': '5-8',
};

const RANGES = {
  'a range past the end': 'bytes=1000000-1000010',
  'a range that ends before it begins': 'bytes=5-2',
  'the last 0 bytes': 'bytes=-0',
  'a range without numbers': 'bytes=-',
  'several ranges': 'bytes=0-1,3-4',
  'a range in words': 'bytes=first-last',
  'a range of 2,000 characters': `bytes=${'0'.repeat(2000)}-1`,
};

/** Uploads, and ranges of blobs. */
export const UPLOAD_RULES: readonly Rule[] = [
  ...['GET', 'PATCH', 'PUT', 'DELETE'].flatMap((method) =>
    Object.entries(IDS).map(([rule, id]): Rule => {
      const query = method === 'PUT' ? `?digest=${DIGEST}` : '';
      const section = method === 'DELETE' ? SECTIONS.cancelling : SECTIONS.chunks;
      return {
        route: `${method} ${SESSION}`,
        rule,
        section,
        status: 404,
        code: 'BLOB_UPLOAD_UNKNOWN',
        send: ({ call }) =>
          call(method, `/v2/${REPOSITORY}/blobs/uploads/${id}${query}`, {
            ...(method.startsWith('P') && { body: 'some bytes' }),
          }),
      };
    }),
  ),
  ...(['PATCH', 'PUT'] as const).flatMap((method) =>
    Object.entries(CONTENT_RANGES).map(([rule, range]): Rule => ({
      route: `${method} ${SESSION}`,
      rule,
      section: SECTIONS.chunks,
      status: 416,
      code: 'BLOB_UPLOAD_INVALID',
      prepare: begin,
      send: ({ call }, location) =>
        call(method, method === 'PUT' ? `${location}?digest=${DIGEST}` : location, {
          body: 'abcd',
          headers: { 'content-range': range },
        }),
    })),
  ),
  ...(['GET', 'PATCH', 'DELETE'] as const).map((method): Rule => ({
    route: `${method} ${SESSION}`,
    rule: 'a session of another repository',
    section: SECTIONS.chunks,
    status: 404,
    code: 'BLOB_UPLOAD_UNKNOWN',
    prepare: begin,
    send: ({ call }, location) =>
      call(method, location.replace(REPOSITORY, 'public/other'), {
        ...(method === 'PATCH' && { body: 'x' }),
      }),
  })),
  {
    route: `PATCH ${SESSION}`,
    rule: 'a session of another account',
    section: SECTIONS.decision,
    status: 404,
    code: 'BLOB_UPLOAD_UNKNOWN',
    prepare: begin,
    async send({ call, gateway }, location) {
      const token = await gateway.token(gateway.operator, `repository:${REPOSITORY}:pull,push`);
      return call('PATCH', location, { body: 'x', token });
    },
  },
  {
    route: `PUT ${SESSION}`,
    rule: 'no digest',
    section: SECTIONS.pushingBlobs,
    status: 400,
    code: 'DIGEST_INVALID',
    prepare: begin,
    send: ({ call }, location) => call('PUT', location, { body: 'some bytes' }),
  },
  {
    route: `PUT ${SESSION}`,
    rule: 'bytes of another digest',
    section: SECTIONS.pushingBlobs,
    status: 400,
    code: 'DIGEST_INVALID',
    prepare: begin,
    send: ({ call }, location) => call('PUT', `${location}?digest=${DIGEST}`, { body: 'some bytes' }),
  },
  {
    route: `PATCH ${SESSION}`,
    rule: 'a session that was cancelled',
    section: SECTIONS.cancelling,
    status: 404,
    code: 'BLOB_UPLOAD_UNKNOWN',
    async prepare(world) {
      const location = await world.beginUpload();
      await world.call('DELETE', location);
      return location;
    },
    send: ({ call }, location) => call('PATCH', location, { body: 'x' }),
  },
  {
    route: 'POST /v2/<name>/blobs/uploads/?digest=',
    rule: 'bytes of another digest, for a repository that is not there',
    section: SECTIONS.pushingBlobs,
    status: 400,
    code: 'DIGEST_INVALID',
    send: ({ call }) =>
      call('POST', `/v2/public/other/blobs/uploads/?digest=${DIGEST}`, { body: 'some bytes' }),
  },
  {
    route: 'POST /v2/<name>/blobs/uploads/?digest=',
    rule: 'bytes of another digest',
    section: SECTIONS.pushingBlobs,
    status: 400,
    code: 'DIGEST_INVALID',
    send: ({ call }) =>
      call('POST', `/v2/${REPOSITORY}/blobs/uploads/?digest=${DIGEST}`, { body: 'some bytes' }),
  },
  ...['md5', 'SHA256', '', 'sha256,sha512', 'sha256%00'].map((algorithm): Rule => ({
    route: 'POST /v2/<name>/blobs/uploads/?digest-algorithm=',
    rule: `the algorithm "${algorithm}"`,
    section: SECTIONS.algorithm,
    status: 400,
    code: 'DIGEST_INVALID',
    send: ({ call }) => call('POST', `/v2/${REPOSITORY}/blobs/uploads/?digest-algorithm=${algorithm}`),
  })),
  ...['', 'Basic eDp5', 'Bearer', 'Bearer x', 'Bearer a b', `Bearer ${'a'.repeat(7681)}`, 'Negotiate x'].map(
    (authorization): Rule => ({
      route: 'POST /v2/<name>/blobs/uploads/',
      rule: `the Authorization "${authorization.slice(0, 20)}"`,
      section: SECTIONS.bearer,
      status: 401,
      code: 'UNAUTHORIZED',
      send: ({ call }) =>
        call('POST', `/v2/${REPOSITORY}/blobs/uploads/`, { token: null, headers: { authorization } }),
    }),
  ),
  ...Object.entries(RANGES).map(([rule, range]): Rule => ({
    route: 'GET /v2/<name>/blobs/<digest>',
    rule,
    section: SECTIONS.ranges,
    status: 416,
    code: 'SIZE_INVALID',
    send: ({ call, image }) =>
      call('GET', `/v2/${REPOSITORY}/blobs/${image.blobs[0]?.descriptor.digest ?? ''}`, {
        headers: { range },
      }),
  })),
  {
    route: `PATCH ${SESSION}`,
    rule: 'an id that is not there, nobody asking',
    section: SECTIONS.decision,
    status: 401,
    code: 'UNAUTHORIZED',
    send: ({ call }) => call('PATCH', UNKNOWN, { body: 'x', token: null }),
  },
];
