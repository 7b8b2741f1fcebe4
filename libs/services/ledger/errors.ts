/** Why the ledger did not do what it was asked. */
export type LedgerErrorCode =
  /** Writes wait until the ledger has been recovered, or for ever if it can't be. */
  | 'FROZEN'
  /** The queue is full: try again in a moment. */
  | 'BUSY'
  /** The database shows an earlier state than this process has seen: it was restored. */
  | 'REGRESSED'
  /** Another gateway signed meanwhile: what this one had signed was thrown away. */
  | 'OVERTAKEN'
  /** Two stores disagree about what was committed. */
  | 'CONTRADICTION'
  /** What was written is durable here, but no peer has it yet. */
  | 'NOT_HELD'
  /** A scope is of a sealing key that is not here. */
  | 'KEY_MISSING';

/** A refusal by the ledger; nothing was written, unless it is NOT_HELD. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
  readonly code: LedgerErrorCode;

  constructor(code: LedgerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
