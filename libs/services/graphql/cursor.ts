import { ApiError } from './errors.ts';

const MAX_CURSOR = 1_500;
const KEY = /^[\x20-\x7e]{1,520}$/;

/** Encodes the place behind an item: `list` says which list, `key` is the item's key in it. Opaque base64url. */
export function encodeCursor(list: readonly string[], key: string): string {
  return Buffer.from(JSON.stringify([...list, key])).toString('base64url');
}

/**
 * Reads the key out of a cursor of this list: 1–520 printable ASCII characters.
 * @throws ApiError BAD_USER_INPUT if it is no cursor or one of another list
 */
export function parseCursor(list: readonly string[], cursor: string): string {
  const parts = cursor.length > MAX_CURSOR ? undefined : readParts(cursor);
  const key = parts?.at(-1);
  if (
    parts?.length === list.length + 1 &&
    list.every((part, position) => parts[position] === part) &&
    typeof key === 'string' &&
    KEY.test(key)
  ) {
    return key;
  }
  throw new ApiError(
    'BAD_USER_INPUT',
    '"after" is no cursor of this list: pass an "endCursor" that the list has given, unchanged.',
  );
}

function readParts(cursor: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined; // base64url always decodes; what comes out need not be JSON
  }
}
