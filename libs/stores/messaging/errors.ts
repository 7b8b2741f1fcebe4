/** Why a message was not sent or not believed. */
export type MessagingErrorCode = 'BAD_ENVELOPE' | 'BAD_PAYLOAD' | 'REFUSED' | 'TOO_LARGE' | 'UNREACHABLE';

/** A message that was not sent, or that is not believed. */
export class MessagingError extends Error {
  override readonly name = 'MessagingError';
  readonly code: MessagingErrorCode;

  constructor(code: MessagingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
