/** Why a key, a scope or an opening was refused: the closed list that callers branch on. */
export type EscrowErrorCode =
  'BAD_KEY' | 'BAD_OPENING' | 'BAD_POINT' | 'BAD_PROOF' | 'BAD_SCALAR' | 'BAD_SCOPE' | 'BAD_WRAPPING';

/** A point, scalar, scope, opening or wrapped secret that breaks escrow.md or does not verify; the message holds no secret. */
export class EscrowError extends Error {
  override readonly name = 'EscrowError';
  readonly code: EscrowErrorCode;

  constructor(code: EscrowErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
