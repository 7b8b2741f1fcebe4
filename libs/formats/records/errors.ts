/** Why an entry is not a record, a sealed record does not open, or a receipt is none. */
export type RecordErrorCode =
  | 'BAD_BODY'
  | 'BAD_COMMITMENT'
  | 'BAD_DISCLOSURE'
  | 'BAD_PADDING'
  | 'BAD_RECEIPT'
  | 'BAD_RECORD'
  | 'BAD_SEALED_ENTRY'
  | 'NOT_CANONICAL'
  | 'TOO_LARGE'
  | 'UNKNOWN_KIND';

/** A record or receipt that can't be read or written as it is. */
export class RecordError extends Error {
  override readonly name = 'RecordError';
  readonly code: RecordErrorCode;

  constructor(code: RecordErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
