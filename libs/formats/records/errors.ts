/** Why an entry is not a record, or a receipt not a receipt. */
export type RecordErrorCode = 'BAD_RECORD' | 'NOT_CANONICAL' | 'UNKNOWN_KIND' | 'TOO_LARGE' | 'BAD_RECEIPT';

/** A record or receipt that can't be read or written as it is. */
export class RecordError extends Error {
  override readonly name = 'RecordError';
  readonly code: RecordErrorCode;

  constructor(code: RecordErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
