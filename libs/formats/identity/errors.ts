/** Why a certificate or descriptor is not believed. */
export type IdentityErrorCode = 'BAD_DESCRIPTOR' | 'BAD_SIGNATURE' | 'BAD_CERTIFICATE';

/** A certificate or descriptor that is not believed; nothing of it may be used. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  readonly code: IdentityErrorCode;

  constructor(code: IdentityErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
