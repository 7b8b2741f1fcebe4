import fc from 'fast-check';
import { expect, test } from 'vitest';

import { digestOf } from './digest.ts';
import { OciError } from './errors.ts';
import {
  encodeImageReference,
  isRepositoryName,
  isTag,
  parseImageReference,
  parseManifestReference,
  parseRepositoryName,
  parseTag,
} from './reference.ts';

const DIGEST = digestOf(Buffer.from('x'));

test.each([
  'a',
  'app',
  'library/alpine',
  'a/b/c/d/e',
  'a.b',
  'a_b',
  'a__b',
  'a-b',
  'a---b',
  '0/1',
  'globex.example/team/app',
  'a'.repeat(255),
])('takes the repository name %s', (name) => {
  expect(parseRepositoryName(name)).toBe(name);
});

test.each([
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  'A',
  'a/B',
  '_a',
  'a_',
  'a___b',
  'a..b',
  '-a',
  'a-',
  'a._b',
  'a b',
  'a%2fb',
  'ä',
  'a:b',
  'a\n',
  '..',
  'a/../b',
  'a'.repeat(256),
])('refuses the repository name %j', (name) => {
  expect(() => parseRepositoryName(name)).toThrow(
    expect.objectContaining({ code: 'NAME_INVALID', status: 400 }),
  );
});

test.each(['latest', '1.0', '_x', 'v1-rc.1', 'A_B', 'sha256-abc.sig', 'a'.repeat(128)])(
  'takes the tag %s',
  (tag) => {
    expect(parseTag(tag)).toBe(tag);
    expect(parseManifestReference(tag)).toEqual({ kind: 'tag', tag });
  },
);

test.each(['', '.a', '-a', 'a/b', 'a+b', 'a b', 'ä', 'a\n', 'a'.repeat(129)])('refuses the tag %j', (tag) => {
  expect(isTag(tag)).toBe(false);
  expect(() => parseManifestReference(tag)).toThrow(
    expect.objectContaining({ code: 'MANIFEST_INVALID', status: 400 }),
  );
});

test('reads a manifest reference with a colon as a digest', () => {
  expect(parseManifestReference(DIGEST)).toEqual({ kind: 'digest', digest: DIGEST });
  expect(() => parseManifestReference('sha256:baddigeststring')).toThrow(
    expect.objectContaining({ code: 'DIGEST_INVALID' }),
  );
});

test.each([
  { text: 'app', parts: { repository: 'app' } },
  { text: 'app:1.0', parts: { repository: 'app', tag: '1.0' } },
  { text: `app@${DIGEST}`, parts: { repository: 'app', digest: DIGEST } },
  { text: 'team/app:1', parts: { repository: 'team/app', tag: '1' } },
  { text: 'localhost/app', parts: { registry: 'localhost', repository: 'app' } },
  { text: 'localhost:5000/app', parts: { registry: 'localhost:5000', repository: 'app' } },
  {
    text: `r.example:443/team/app:1@${DIGEST}`,
    parts: { registry: 'r.example:443', repository: 'team/app', tag: '1', digest: DIGEST },
  },
  { text: '[::1]:5000/app:1', parts: { registry: '[::1]:5000', repository: 'app', tag: '1' } },
  { text: '127.0.0.1:80/a/b', parts: { registry: '127.0.0.1:80', repository: 'a/b' } },
])('reads the image reference $text', ({ text, parts }) => {
  expect(parseImageReference(text)).toEqual(parts);
  expect(encodeImageReference(parseImageReference(text))).toBe(text);
});

test.each([
  { text: '', code: 'NAME_INVALID' },
  { text: 'App', code: 'NAME_INVALID' },
  { text: 'r.example/', code: 'NAME_INVALID' },
  { text: 'r.example:x/app', code: 'NAME_INVALID' },
  { text: '.example/app', code: 'NAME_INVALID' },
  { text: 'http://r.example/app', code: 'NAME_INVALID' },
  { text: 'user@r.example/app', code: 'DIGEST_INVALID' },
  { text: 'app:', code: 'MANIFEST_INVALID' },
  { text: 'app:a:b', code: 'MANIFEST_INVALID' },
  { text: 'app@', code: 'DIGEST_INVALID' },
  { text: `app@${DIGEST}@${DIGEST}`, code: 'DIGEST_INVALID' },
  { text: 'a/'.repeat(600), code: 'NAME_INVALID' },
])('refuses the image reference $text', ({ text, code }) => {
  expect(() => parseImageReference(text)).toThrow(expect.objectContaining({ code }));
});

const repository = fc
  .array(fc.stringMatching(/^[a-z0-9]{1,6}((\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}$/), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join('/'));

test('gives back every reference that it wrote', () => {
  const registry = fc.constantFrom(
    'localhost',
    'localhost:5000',
    'r.example',
    'R-1.example:65535',
    '[::1]:80',
  );
  const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/);
  fc.assert(
    fc.property(
      fc.option(registry),
      repository,
      fc.option(tag),
      fc.boolean(),
      (host, name, tagText, pinned) => {
        const reference = {
          ...(host !== null && { registry: host }),
          // Without a host in front a first component with a dot would be one.
          repository: parseRepositoryName(host === null ? `x/${name}` : name),
          ...(tagText !== null && { tag: parseTag(tagText) }),
          ...(pinned && { digest: DIGEST }),
        };
        expect(parseImageReference(encodeImageReference(reference))).toEqual(reference);
      },
    ),
  );
});

test('agrees with the expression of the specification on what a repository name is', () => {
  const specification = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;
  fc.assert(
    fc.property(fc.stringMatching(/^[ab0._/A-]{0,14}$/), (text) => {
      expect(isRepositoryName(text)).toBe(specification.test(text));
    }),
    { numRuns: 2000 },
  );
});

test('throws nothing but OciError, whatever it reads, and at once', () => {
  const texts = fc.oneof(fc.string(), fc.stringMatching(/^[a./:@_-]{0,300}$/));
  fc.assert(
    fc.property(texts, fc.constantFrom(parseImageReference, parseManifestReference), (text, parse) => {
      try {
        parse(text);
      } catch (error) {
        expect(error).toBeInstanceOf(OciError);
      }
    }),
  );
});
