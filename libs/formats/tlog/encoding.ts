/** Decodes standard base64 with padding (RFC 4648 §4); undefined for any text that encoding would not give back. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** Encodes bytes as standard base64 with padding (RFC 4648 §4). */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/**
 * Gives the text of UTF-8 bytes, or of a string without lone surrogates; undefined for anything else or over `maxBytes` bytes.
 * A byte order mark stays in the text, so that its bytes are the ones that were signed.
 */
export function decodeText(source: string | Uint8Array, maxBytes: number): string | undefined {
  if (typeof source === 'string') {
    if (source.length > maxBytes || Buffer.byteLength(source) > maxBytes) return undefined;
    return source.isWellFormed() ? source : undefined;
  }
  if (source.length > maxBytes) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(source);
  } catch {
    return undefined;
  }
}

/** Reads an ASCII decimal without sign or leading zeros, from 0 to 2^63 - 1; undefined for anything else. */
export function parseDecimal(text: string): bigint | undefined {
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(text)) return undefined;
  const value = BigInt(text);
  return value < 2n ** 63n ? value : undefined;
}

/** Says whether two byte strings are equal; not in constant time, as nothing compared here is secret. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** Says whether a text has an ASCII control character, below U+0020, other than those in `allowed`. */
export function hasControl(text: string, allowed = ''): boolean {
  for (let i = 0; i < text.length; i += 1) {
    if (text.charCodeAt(i) < 0x20 && !allowed.includes(text.charAt(i))) return true;
  }
  return false;
}
