/** Why something among organisations was not done. */
export type FederationErrorCode =
  | 'MESSAGE_PENDING'
  | 'MESSAGE_REFUSED'
  | 'NOT_MIRRORED'
  | 'OVERTAKEN'
  | 'PEER_REFUSED'
  | 'PEER_UNKNOWN'
  | 'PEER_UNREACHABLE'
  | 'SOURCE_REFUTED';

/** A refusal among organisations; nothing was changed. */
export class FederationError extends Error {
  override readonly name = 'FederationError';
  readonly code: FederationErrorCode;

  constructor(code: FederationErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
