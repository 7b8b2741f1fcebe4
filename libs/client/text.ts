/**
 * Makes text of a peer fit for a terminal and a log line: control and format characters become `�`, and what is longer
 * than `maxCharacters` is cut with `…`.
 */
export function printable(text: string, maxCharacters = 300): string {
  const cut = text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text;
  return cut.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
}
