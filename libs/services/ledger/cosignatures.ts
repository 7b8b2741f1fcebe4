import { parseSignatureLines, type Policy, verifyCosignature } from '@dockchains/tlog';

/** A cosignature that verified: `key` is the name and id that a note finds it by. */
export interface AcceptedLine {
  readonly name: string;
  readonly key: string;
  readonly line: string;
  /** POSIX seconds: its signer's word alone. */
  readonly timestamp: bigint;
}

// Of one answer or message: more than a note may have is nobody's honest answer.
const MAX_LINES = 64;

/**
 * Verifies cosignature lines, each with its newline, over a note's text by the keys of a policy; others are left out, and of two by one key
 * the earlier one is.
 * @throws TlogError BAD_NOTE, BAD_SIGNATURE, BAD_TIMESTAMP
 */
export function verifyLines(text: string, lines: readonly string[], policy: Policy): AcceptedLine[] {
  const accepted = new Map<string, AcceptedLine>();
  for (const { name, keyId, signature, line } of parseSignatureLines(lines.join(''), MAX_LINES)) {
    const witness = policy.witnesses.find((one) => one.key.name === name && one.key.keyId === keyId);
    if (witness === undefined) continue;
    const timestamp = verifyCosignature(text, signature, witness.key);
    const key = `${name}+${keyId.toString(16).padStart(8, '0')}`;
    const other = accepted.get(key);
    if (other === undefined || other.timestamp < timestamp) accepted.set(key, { name, key, line, timestamp });
  }
  return [...accepted.values()];
}
