import { AccessError } from './errors.ts';
import { parsePattern } from './glob.ts';
import { ACTIONS, isAction, type Policy } from './principal.ts';

/** One page of a list in byte order: what comes after `after`, at most `limit` (1–1000). */
export type Page = { readonly after?: string; readonly limit: number };

const USERNAME = /^[a-z0-9][a-z0-9._@+-]{0,63}$/;
const MIN_PASSWORD = 8;
/** Most characters of a password. */
export const MAX_PASSWORD = 1024;
const MAX_PAGE = 1000;
// Anything that is a user name, a pattern, or one with tags; above all no NUL, which PostgreSQL does not take.
const AFTER = /^[\x20-\x7e]{0,400}$/;

/** Says whether the text can be a user name: 1–64 characters. */
export function isUsername(text: string): boolean {
  return USERNAME.test(text);
}

/** Checks a user name. @throws AccessError INVALID_INPUT */
export function parseUsername(text: string): string {
  if (isUsername(text)) return text;
  throw new AccessError(
    'INVALID_INPUT',
    'A user name has 1 to 64 characters: lowercase letters, digits and ". _ @ + -", the first a letter or digit.',
  );
}

/** What the user names of robots begin with, and new ones of persons don't. */
export const ROBOT_PREFIX = 'robot+';

/** Checks the user name of a person who is new. @throws AccessError INVALID_INPUT */
export function parsePersonName(text: string): string {
  if (!text.startsWith(ROBOT_PREFIX)) return parseUsername(text);
  throw new AccessError('INVALID_INPUT', `User names that begin with "${ROBOT_PREFIX}" are for robots.`);
}

/** Checks a new password: 8–1024 characters, none of them a control character. @throws AccessError INVALID_INPUT */
export function parsePassword(text: string): string {
  if (text.length >= MIN_PASSWORD && text.length <= MAX_PASSWORD && !/\p{Cc}/u.test(text)) return text;
  throw new AccessError(
    'INVALID_INPUT',
    `A password has ${MIN_PASSWORD} to ${MAX_PASSWORD} characters and no control characters.`,
  );
}

/** Checks a policy; its actions come back in a fixed order, each once. @throws AccessError INVALID_INPUT */
export function parsePolicy(policy: {
  readonly pattern: string;
  readonly actions: readonly string[];
}): Policy {
  const actions = [...new Set(policy.actions)].sort();
  if (actions.length === 0 || !actions.every(isAction)) {
    throw new AccessError(
      'INVALID_INPUT',
      `The actions of a policy are one or more of ${ACTIONS.join(', ')}.`,
    );
  }
  return { pattern: parsePattern(policy.pattern), actions };
}

/** Checks a page: a limit of 1–1000, and what it comes after. @throws AccessError INVALID_INPUT */
export function parsePage({ after = '', limit }: Page): Required<Page> {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    throw new AccessError('INVALID_INPUT', `Ask for 1 to ${MAX_PAGE} at once.`);
  }
  if (!AFTER.test(after)) {
    throw new AccessError(
      'INVALID_INPUT',
      'A page begins after a user name or a pattern from the page before.',
    );
  }
  return { after, limit };
}
