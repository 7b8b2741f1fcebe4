import type { Scope } from '@dockchains/oci';

/**
 * Why access was refused: UNAUTHORIZED (sign in), INVALID_TOKEN, INSUFFICIENT_SCOPE and BAD_CREDENTIALS are answered
 * with 401, DENIED with 403, NAME_UNKNOWN with 404, TOO_MANY with 429. The others come from administration only.
 */
export type AccessErrorCode =
  | 'UNAUTHORIZED'
  | 'INVALID_TOKEN'
  | 'INSUFFICIENT_SCOPE'
  | 'BAD_CREDENTIALS'
  | 'DENIED'
  | 'NAME_UNKNOWN'
  | 'TOO_MANY'
  | 'INVALID_INPUT'
  | 'ACCOUNT_EXISTS'
  | 'ACCOUNT_UNKNOWN'
  | 'POLICY_UNKNOWN'
  | 'RULE_UNKNOWN'
  | 'LIMIT_REACHED';

/** What an {@link AccessError} carries beside code and message. */
export type AccessErrorOptions = ErrorOptions & {
  readonly scopes?: readonly Scope[];
  readonly retryAfterSeconds?: number;
};

/** A refusal by the access service; `message` is meant for whoever asked and never holds a secret. */
export class AccessError extends Error {
  override readonly name = 'AccessError';
  readonly code: AccessErrorCode;
  /** What a token would have to cover: for the challenge of a 401. */
  readonly scopes: readonly Scope[];
  /** When to try again, where that is known. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: AccessErrorCode, message: string, options: AccessErrorOptions = {}) {
    const { scopes = [], retryAfterSeconds, ...cause } = options;
    super(message, cause);
    this.code = code;
    this.scopes = scopes;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
