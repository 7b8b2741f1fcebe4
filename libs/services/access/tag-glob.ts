import { AccessError } from './errors.ts';

// As long as a tag can be, which has at most 128 characters. However two `*` are placed, matching stays cheap.
const GLOB = /^[A-Za-z0-9_*][A-Za-z0-9._*-]{0,127}$/;
const MAX_STARS = 2;

/** Says whether the text is a tag glob: 1–128 characters of a tag, in which up to two `*` stand for any characters. */
export function isTagGlob(text: string): boolean {
  return GLOB.test(text) && text.split('*').length <= MAX_STARS + 1;
}

/**
 * Checks that the text is a tag glob.
 * @throws AccessError INVALID_INPUT
 */
export function parseTagGlob(text: string): string {
  if (isTagGlob(text)) return text;
  throw new AccessError(
    'INVALID_INPUT',
    `The tags ${JSON.stringify(text.slice(0, 128))} are none: write a tag with at most two "*", such as "v*" or "*" for all.`,
  );
}

/** Says whether the glob covers the tag; what is no glob covers nothing. */
export function matchesTag(glob: string, tag: string): boolean {
  if (!isTagGlob(glob)) return false;
  const [first = '', ...others] = glob.split('*');
  const last = others.pop();
  if (last === undefined) return tag === glob;
  if (tag.length < first.length + last.length || !tag.startsWith(first) || !tag.endsWith(last)) return false;
  const between = tag.slice(first.length, tag.length - last.length);
  return others.every((middle) => between.includes(middle));
}
