/** Why a certificate or descriptor is not believed. */
export type IdentityErrorCode =
  | 'BAD_DESCRIPTOR' // not of the form, not canonical, or larger than it may be
  | 'BAD_SIGNATURE'
  | 'BAD_CERTIFICATE' // none, revoked, or not the one that was pinned
  | 'OLD_DESCRIPTOR' // a lower number than one that is known
  | 'CONFLICT'; // signed, and contradicts one that is known

/** A certificate or descriptor that is not believed; nothing of it may be used. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  readonly code: IdentityErrorCode;

  constructor(code: IdentityErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
