import { AccessError } from './errors.ts';

/** The pattern of every repository. */
export const EVERYTHING = '**';

const MAX_PATTERN = 255;
const MAX_DEEP = 2;
// One `*` in a component and two `**` in all: however the pattern is chosen, matching stays cheap.
const COMPONENT = /^(?:\*\*|[a-z0-9._-]*\*?[a-z0-9._-]*)$/;

/**
 * Says whether the text is a repository pattern, at most 255 characters: the components of a name, in which one `*`
 * stands for any characters but `/`, and a component `**`, at most two of them, for any number of components (for at
 * least one where it comes last, so that `team/**` is not `team`). A name is the pattern of itself.
 */
export function isPattern(text: string): boolean {
  if (text.length > MAX_PATTERN) return false;
  const components = text.split('/');
  return (
    components.every((component) => component !== '' && COMPONENT.test(component)) &&
    components.filter((component) => component === '**').length <= MAX_DEEP
  );
}

/**
 * Checks that the text is a repository pattern.
 * @throws AccessError INVALID_INPUT
 */
export function parsePattern(text: string): string {
  if (isPattern(text)) return text;
  throw new AccessError(
    'INVALID_INPUT',
    `The pattern ${JSON.stringify(text.slice(0, MAX_PATTERN))} is none: write a repository name with at most one "*" ` +
      `in a component and at most two components "**", such as "team/**", "*/base" or "**" for all.`,
  );
}

/** Writes a valid pattern as an anchored regular expression that JavaScript and PostgreSQL (`~`) read alike. */
export function encodePatternExpression(pattern: string): string {
  const components = pattern.split('/');
  const last = components.length - 1;
  const parts = components.map((component, index) => {
    if (component === '**') return index === last ? '.+' : '(?:[^/]+/)*';
    const text = component.replaceAll('.', '\\.').replaceAll('*', '[^/]*');
    return index === last ? text : `${text}/`;
  });
  return `^${parts.join('')}$`;
}

// What a pattern matches never changes: it is compiled once, however many decisions meet it.
const MAX_COMPILED = 4_000;
const compiled = new Map<string, RegExp>();

/** Says whether the pattern covers the repository's name; what is no pattern covers nothing. */
export function matchesPattern(pattern: string, repository: string): boolean {
  let expression = compiled.get(pattern);
  if (expression === undefined) {
    if (!isPattern(pattern)) return false;
    expression = new RegExp(encodePatternExpression(pattern));
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    compiled.set(pattern, expression);
  }
  return expression.test(repository);
}
