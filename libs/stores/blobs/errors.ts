/**
 * What a store refuses or could not do. NO_SPACE and IO come from below and may pass; the others are the caller's to answer.
 * SOURCE_FAILED: the bytes stopped coming. UPLOAD_BUSY: another append or commit of that upload is under way.
 */
export type BlobStoreErrorCode =
  | 'BLOB_UNKNOWN'
  | 'UPLOAD_UNKNOWN'
  | 'UPLOAD_EXISTS'
  | 'UPLOAD_BUSY'
  | 'OFFSET_INVALID'
  | 'TOO_LARGE'
  | 'DIGEST_MISMATCH'
  | 'SOURCE_FAILED'
  | 'KEY_INVALID'
  | 'TILE_CONFLICT'
  | 'NO_SPACE'
  | 'IO';

/** An error of a blob or tile store. */
export class BlobStoreError extends Error {
  readonly code: BlobStoreErrorCode;
  /** Of SOURCE_FAILED: how many bytes of the source the upload has kept, durably. */
  readonly received: number;

  constructor(
    code: BlobStoreErrorCode,
    message: string,
    options: { cause?: unknown; received?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BlobStoreError';
    this.code = code;
    this.received = options.received ?? 0;
  }
}

/** Says whether a file system's error has one of the given errno names. */
export function hasErrno(error: unknown, ...names: string[]): boolean {
  return error instanceof Error && 'code' in error && names.includes(String(error.code));
}

/** Runs an operation of the file system; what fails becomes a BlobStoreError that says what was being done. */
export async function guarded<T>(what: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    throw toStoreError(what, cause);
  }
}

function toStoreError(what: string, cause: unknown): BlobStoreError {
  if (cause instanceof BlobStoreError) return cause;
  if (hasErrno(cause, 'ENOSPC', 'EDQUOT', 'EFBIG')) {
    return new BlobStoreError('NO_SPACE', `There is no space left to ${what}: free or add disk space.`, {
      cause,
    });
  }
  return new BlobStoreError(
    'IO',
    `The file system failed to ${what}: look at the disk and its permissions.`,
    {
      cause,
    },
  );
}
