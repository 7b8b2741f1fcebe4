/** Error codes of distribution-spec, Error Codes: the closed list that clients know. */
export type OciErrorCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNSUPPORTED'
  | 'TOOMANYREQUESTS';

/** HTTP status that answers each code unless the error names another; SIZE_INVALID is a body over its limit. */
export const STATUS_OF_CODE: Readonly<Record<OciErrorCode, number>> = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 413,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
};

/** What an {@link OciError} carries beside its code and message; `status` overrides the table's, as 416 does for a chunk out of order. */
export type OciErrorOptions = { detail?: unknown; status?: number; cause?: unknown };

/** A refusal in the distribution specification's terms: `message` and `detail` are shown to the client. */
export class OciError extends Error {
  readonly code: OciErrorCode;
  readonly detail?: unknown;
  /** HTTP status, 400–599. */
  readonly status: number;

  constructor(code: OciErrorCode, message: string, options: OciErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'OciError';
    this.code = code;
    if (options.detail !== undefined) this.detail = options.detail;
    this.status = options.status ?? STATUS_OF_CODE[code];
  }
}

/** Gives the JSON error body, UTF-8, of one error (distribution-spec, Error Codes); `detail` is left out if there is none. */
export function encodeErrorBody(error: Pick<OciError, 'code' | 'message' | 'detail'>): Buffer {
  const { code, message, detail } = error;
  return Buffer.from(
    JSON.stringify({ errors: [{ code, message, ...(detail !== undefined && { detail }) }] }),
  );
}
