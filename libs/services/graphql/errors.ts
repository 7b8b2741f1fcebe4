import { AccessError, type AccessErrorCode } from '@dockchains/access';
import { CatalogError, type CatalogErrorCode } from '@dockchains/catalog';
import { findSqlState, isConnectionLoss } from '@dockchains/database';
import { FederationError, type FederationErrorCode } from '@dockchains/federation';
import { LedgerError, type LedgerErrorCode } from '@dockchains/ledger';
import { OciError, type OciErrorCode } from '@dockchains/oci';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';

/** The `extensions.code` of our own errors; Apollo's for unparsable and invalid documents stand beside them. */
export type ApiErrorCode =
  | 'BAD_REQUEST'
  | 'BAD_USER_INPUT'
  | 'CONFLICT'
  | 'FORBIDDEN'
  | 'INTERNAL'
  | 'NOT_FOUND'
  | 'PAYLOAD_TOO_LARGE'
  | 'QUERY_TOO_COSTLY'
  | 'TIMEOUT'
  | 'TOO_MANY_REQUESTS'
  | 'UNAUTHENTICATED'
  | 'UNAVAILABLE';

/** A refusal by a resolver; `message` is shown to the client. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;

  constructor(code: ApiErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const CODE_OF_ACCESS: Readonly<Record<AccessErrorCode, ApiErrorCode>> = {
  UNAUTHORIZED: 'UNAUTHENTICATED',
  INVALID_TOKEN: 'UNAUTHENTICATED',
  BAD_CREDENTIALS: 'UNAUTHENTICATED',
  INSUFFICIENT_SCOPE: 'FORBIDDEN',
  DENIED: 'FORBIDDEN',
  NAME_UNKNOWN: 'NOT_FOUND',
  ACCOUNT_UNKNOWN: 'NOT_FOUND',
  POLICY_UNKNOWN: 'NOT_FOUND',
  RULE_UNKNOWN: 'NOT_FOUND',
  ACCOUNT_EXISTS: 'CONFLICT',
  LIMIT_REACHED: 'CONFLICT',
  INVALID_INPUT: 'BAD_USER_INPUT',
  TOO_MANY: 'TOO_MANY_REQUESTS',
};

const CODE_OF_OCI: Readonly<Record<OciErrorCode, ApiErrorCode>> = {
  NAME_INVALID: 'BAD_USER_INPUT',
  DIGEST_INVALID: 'BAD_USER_INPUT',
  MANIFEST_INVALID: 'BAD_USER_INPUT',
  NAME_UNKNOWN: 'NOT_FOUND',
  MANIFEST_UNKNOWN: 'NOT_FOUND',
  BLOB_UNKNOWN: 'NOT_FOUND',
  BLOB_UPLOAD_UNKNOWN: 'NOT_FOUND',
  MANIFEST_BLOB_UNKNOWN: 'NOT_FOUND',
  BLOB_UPLOAD_INVALID: 'BAD_USER_INPUT',
  SIZE_INVALID: 'PAYLOAD_TOO_LARGE',
  UNAUTHORIZED: 'UNAUTHENTICATED',
  DENIED: 'FORBIDDEN',
  UNSUPPORTED: 'BAD_USER_INPUT',
  TOOMANYREQUESTS: 'TOO_MANY_REQUESTS',
};

const CODE_OF_FEDERATION: Readonly<Record<FederationErrorCode, ApiErrorCode>> = {
  PEER_UNKNOWN: 'NOT_FOUND',
  PEER_UNREACHABLE: 'UNAVAILABLE',
  PEER_REFUSED: 'BAD_USER_INPUT',
  MESSAGE_REFUSED: 'CONFLICT',
  MESSAGE_PENDING: 'UNAVAILABLE',
  NOT_MIRRORED: 'NOT_FOUND',
  OVERTAKEN: 'UNAVAILABLE',
  SOURCE_REFUTED: 'UNAVAILABLE',
};

const CODE_OF_CATALOG: Readonly<Record<CatalogErrorCode, ApiErrorCode>> = { BAD_QUERY: 'BAD_USER_INPUT' };

const CODE_OF_LEDGER: Readonly<Record<LedgerErrorCode, ApiErrorCode>> = {
  FROZEN: 'UNAVAILABLE',
  BUSY: 'UNAVAILABLE',
  REGRESSED: 'UNAVAILABLE',
  OVERTAKEN: 'UNAVAILABLE',
  NOT_HELD: 'UNAVAILABLE',
  KEY_MISSING: 'UNAVAILABLE',
  // Never to be seen: the log has to have it.
  CONTRADICTION: 'INTERNAL',
};

// SQLSTATE (PostgreSQL manual, Appendix A): a NUL in a text, a number out of range, a time that is none.
const BAD_VALUES: readonly (string | undefined)[] = ['22021', '22003', '22007', '22008'];

/** Where an error happened, for the answer that says nothing about it but where to look. */
export type ErrorSite = {
  readonly requestId: string;
  readonly log: { error(fields: object, event: string): void };
};

/** Gives the one form in which an error leaves: what nobody foresaw is logged, and answered with the request's id. */
export function toGraphqlError(error: unknown, { requestId, log }: ErrorSite): GraphQLError {
  if (error instanceof GraphQLError) return error;
  const known = findKnown(error);
  if (known !== undefined) {
    return new GraphQLError(known.message, { extensions: { code: known.code }, originalError: known });
  }
  log.error({ err: error, requestId }, 'graphql field failed');
  return new GraphQLError(
    `Something failed here; the operator finds it in the log as request ${requestId}.`,
    {
      extensions: { code: 'INTERNAL' satisfies ApiErrorCode, requestId },
    },
  );
}

/** Keeps the text of an error that no resolver threw, such as a null where the schema has none, from going out. */
export function maskInternal(formatted: GraphQLFormattedError): GraphQLFormattedError {
  if (formatted.extensions?.code !== 'INTERNAL_SERVER_ERROR') return formatted;
  return { ...formatted, message: 'Something failed here.', extensions: { code: 'INTERNAL' } };
}

/** Gives an error that arose outside of GraphQL as a GraphQL answer. */
export function encodeErrors(code: ApiErrorCode, message: string): { errors: readonly object[] } {
  return { errors: [{ message, extensions: { code } }] };
}

function findKnown(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (error instanceof AccessError) return restate(CODE_OF_ACCESS[error.code], error);
  if (error instanceof FederationError) return restate(CODE_OF_FEDERATION[error.code], error);
  if (error instanceof CatalogError) return restate(CODE_OF_CATALOG[error.code], error);
  if (error instanceof OciError) return restate(CODE_OF_OCI[error.code], error);
  if (error instanceof LedgerError) return restate(CODE_OF_LEDGER[error.code], error);
  if (BAD_VALUES.includes(findSqlState(error))) {
    return new ApiError(
      'BAD_USER_INPUT',
      'An argument holds what no text, number or time of its kind holds.',
      {
        cause: error,
      },
    );
  }
  if (isConnectionLoss(error)) {
    return new ApiError('UNAVAILABLE', 'The database does not answer: try again in a moment.', {
      cause: error,
    });
  }
  return undefined;
}

function restate(code: ApiErrorCode, error: Error): ApiError | undefined {
  return code === 'INTERNAL' ? undefined : new ApiError(code, error.message, { cause: error });
}

/** Whether the error says that something is not there, or may not be seen: the caller need not know which. */
export function isHidden(error: unknown): boolean {
  if (error instanceof AccessError) return error.code === 'UNAUTHORIZED' || error.code === 'NAME_UNKNOWN';
  return error instanceof OciError && (error.code === 'NAME_UNKNOWN' || error.code === 'MANIFEST_UNKNOWN');
}
