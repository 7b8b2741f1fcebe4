/** Why a gateway's answer can't be used. */
export type ClientErrorCode =
  | 'UNREACHABLE' // no connection, or none that TLS accepts
  | 'TIMEOUT'
  | 'UNAVAILABLE' // the gateway answers that it can't now: 429 or 5xx
  | 'DENIED' // 401 or 403
  | 'NOT_FOUND'
  | 'REJECTED' // the gateway refuses the request as it is
  | 'BAD_RESPONSE' // not what the protocol promises, or larger than it may be
  | 'VERIFICATION_FAILED'; // signatures, proofs or what they are about

/** A request that did not give what was asked for; the message names the URL and what to do, never a secret. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: ClientErrorCode;

  constructor(code: ClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
