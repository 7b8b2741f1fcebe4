import { lp } from './encoding.ts';
import { EscrowError } from './errors.ts';
import type { RandomBytes } from './group.ts';
import { OPENING_BYTES } from './opening.ts';
import { REPO_SALT_BYTES } from './scope.ts';
import { unwrapSecret, wrapSecret } from './wrap.ts';

/** What an organisation keeps of its own scope, under its sealing key. */
export type ScopeSecret = {
  /** 96 bytes. */
  readonly opening: Uint8Array;
  /** 32 bytes. */
  readonly repoSalt: Uint8Array;
  /** The repository's name, which the opened scope's record does not say. */
  readonly repository: string;
};

const MAX_REPOSITORY_BYTES = 255;

/** `opening ‖ repoSalt ‖ repository`, wrapped to the sealing key under the scope's label. @throws EscrowError BAD_SCOPE, BAD_POINT */
export function wrapScopeSecret(
  { publicKey, label }: { publicKey: Uint8Array; label: Uint8Array },
  { opening, repoSalt, repository }: ScopeSecret,
  random: RandomBytes,
): Uint8Array {
  const name = Buffer.from(repository, 'utf8');
  if (
    opening.length !== OPENING_BYTES ||
    repoSalt.length !== REPO_SALT_BYTES ||
    name.length > MAX_REPOSITORY_BYTES
  ) {
    throw new EscrowError('BAD_SCOPE', "A scope's opening, salt or repository has the wrong length.");
  }
  // Padded: else the length of what is wrapped would tell the length of a hidden name.
  const padded = Buffer.concat([Uint8Array.of(name.length), name], 1 + MAX_REPOSITORY_BYTES);
  const secret = Buffer.concat([opening, repoSalt, padded]);
  const wrapped = wrapSecret({ publicKey, context: contextOf(label) }, secret, random);
  secret.fill(0);
  return wrapped;
}

/**
 * Reads back what {@link wrapScopeSecret} wrapped; whether the opening is of the scope is for `verifyOpening`.
 * @throws EscrowError BAD_KEY, BAD_WRAPPING
 */
export function unwrapScopeSecret(
  { sealingKey, label }: { sealingKey: Uint8Array; label: Uint8Array },
  wrapped: Uint8Array,
): ScopeSecret {
  const secret = Buffer.from(unwrapSecret({ sealingKey, context: contextOf(label) }, wrapped));
  const fixed = OPENING_BYTES + REPO_SALT_BYTES;
  if (secret.length !== fixed + 1 + MAX_REPOSITORY_BYTES) {
    throw new EscrowError('BAD_WRAPPING', "The wrapped secret is not a scope's.");
  }
  const end = fixed + 1 + secret.readUInt8(fixed);
  return {
    opening: secret.subarray(0, OPENING_BYTES),
    repoSalt: secret.subarray(OPENING_BYTES, fixed),
    repository: secret.subarray(fixed + 1, end).toString('utf8'),
  };
}

function contextOf(label: Uint8Array): Uint8Array {
  return Buffer.concat([lp('dockchains/v1/scope-secret'), lp(label)]);
}
