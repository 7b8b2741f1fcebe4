const [SPACE, COLON, BACKSLASH] = [0x20, 0x3a, 0x5c];

/**
 * Whether an object anywhere in a JSON text has two members of one name, however they are escaped. `value` is what `JSON.parse` made
 * of the text, where only one of the two is left: so the text has more members.
 */
export function hasRepeatedMember(text: string, value: unknown): boolean {
  return countWrittenMembers(text) !== countMembers(value);
}

/** Counts the strings with a colon behind them; the text is known to be JSON. */
function countWrittenMembers(text: string): number {
  let count = 0;
  for (let start = text.indexOf('"'); start !== -1;) {
    let end = text.indexOf('"', start + 1);
    while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
    let next = end + 1;
    while (text.charCodeAt(next) <= SPACE) next += 1; // in JSON, white space alone
    if (text.charCodeAt(next) === COLON) count += 1;
    start = text.indexOf('"', next);
  }
  return count;
}

/** Whether an odd number of backslashes stands before a place: two of them are one that escapes nothing. */
function isEscaped(text: string, place: number): boolean {
  let start = place;
  while (text.charCodeAt(start - 1) === BACKSLASH) start -= 1;
  return (place - start) % 2 === 1;
}

/** Not by recursion, since arrays may lie in one another a million deep. */
function countMembers(value: unknown): number {
  let count = 0;
  const open = [value];
  while (open.length > 0) {
    const one = open.pop();
    if (typeof one !== 'object' || one === null) continue;
    const parts: readonly unknown[] = Array.isArray(one) ? one : Object.values(one);
    if (parts !== one) count += parts.length;
    for (const part of parts) if (typeof part === 'object') open.push(part);
  }
  return count;
}
