import { type Access, AccessError, type AccessErrorCode, type ChallengeError } from '@dockchains/access';
import { BlobStoreError } from '@dockchains/blobs';
import { DatabaseError, findSqlState, isConnectionLoss } from '@dockchains/database';
import { FederationError, type FederationErrorCode } from '@dockchains/federation';
import { LedgerError } from '@dockchains/ledger';
import { OciError } from '@dockchains/oci';

/** An error as HTTP says it; `code` is of the distribution specification where that has one. */
export interface HttpError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly detail?: unknown;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it is ours to mend: it is logged then. */
  readonly isFault: boolean;
}

const RETRY_SECONDS = '5';
// SQLSTATE disk_full (PostgreSQL manual, Appendix A).
const DISK_FULL = '53100';

const ACCESS: Readonly<Record<AccessErrorCode, { status: number; code: string }>> = {
  UNAUTHORIZED: { status: 401, code: 'UNAUTHORIZED' },
  INVALID_TOKEN: { status: 401, code: 'UNAUTHORIZED' },
  INSUFFICIENT_SCOPE: { status: 401, code: 'UNAUTHORIZED' },
  BAD_CREDENTIALS: { status: 401, code: 'UNAUTHORIZED' },
  DENIED: { status: 403, code: 'DENIED' },
  NAME_UNKNOWN: { status: 404, code: 'NAME_UNKNOWN' },
  TOO_MANY: { status: 429, code: 'TOOMANYREQUESTS' },
  INVALID_INPUT: { status: 400, code: 'UNSUPPORTED' },
  ACCOUNT_EXISTS: { status: 409, code: 'UNSUPPORTED' },
  ACCOUNT_UNKNOWN: { status: 404, code: 'UNSUPPORTED' },
  POLICY_UNKNOWN: { status: 404, code: 'UNSUPPORTED' },
  RULE_UNKNOWN: { status: 404, code: 'UNSUPPORTED' },
  LIMIT_REACHED: { status: 409, code: 'UNSUPPORTED' },
};

const CHALLENGE_ERRORS: Partial<Readonly<Record<AccessErrorCode, ChallengeError>>> = {
  INVALID_TOKEN: 'invalid_token',
  INSUFFICIENT_SCOPE: 'insufficient_scope',
};

/** The one place where what the services throw becomes HTTP. What is not known here says nothing but the request's id. */
export function toHttpError(
  error: unknown,
  { access, requestId }: { access: Pick<Access, 'challenge'>; requestId: string },
): HttpError {
  if (error instanceof OciError) {
    const { status, code, message, detail } = error;
    const headers = status === 429 ? { 'retry-after': RETRY_SECONDS } : {};
    return { status, code, message, detail, headers, isFault: false };
  }
  if (error instanceof AccessError) return fromAccess(error, access);
  if (error instanceof FederationError) return fromFederation(error);
  if (error instanceof LedgerError) return unavailable(error.message, error.code === 'CONTRADICTION');
  if ((error instanceof BlobStoreError && error.code === 'NO_SPACE') || findSqlState(error) === DISK_FULL) {
    return {
      ...unavailable('The gateway has no space left to store this: try again later.', true),
      status: 507,
    };
  }
  if (error instanceof DatabaseError || isConnectionLoss(error)) {
    return unavailable('The gateway’s database can’t be reached: try again in a few seconds.', true);
  }
  return fromServer(error, requestId);
}

/** Gives the JSON body, UTF-8, of an error (distribution-spec, Error Codes). */
export function encodeHttpError({ code, message, detail }: HttpError): Buffer {
  const body = { errors: [{ code, message, ...(detail !== undefined && { detail }) }] };
  return Buffer.from(JSON.stringify(body));
}

function fromAccess(error: AccessError, access: Pick<Access, 'challenge'>): HttpError {
  const { status, code } = ACCESS[error.code];
  const headers =
    error.code === 'BAD_CREDENTIALS'
      ? { 'www-authenticate': 'Basic realm="token", charset="UTF-8"' }
      : status === 401
        ? { 'www-authenticate': access.challenge(error.scopes, CHALLENGE_ERRORS[error.code]) }
        : status === 429
          ? { 'retry-after': error.retryAfterSeconds?.toString() ?? RETRY_SECONDS }
          : {};
  return { status, code, message: error.message, headers, isFault: false };
}

const FEDERATION: Readonly<Record<FederationErrorCode, number>> = {
  MESSAGE_PENDING: 503,
  MESSAGE_REFUSED: 409,
  PEER_UNKNOWN: 404,
  PEER_UNREACHABLE: 503,
  PEER_REFUSED: 502,
  NOT_MIRRORED: 404,
  OVERTAKEN: 503,
  SOURCE_REFUTED: 502,
};

function fromFederation({ code, message }: FederationError): HttpError {
  const status = FEDERATION[code];
  if (status === 503) return unavailable(message, false);
  return { status, code: 'UNSUPPORTED', message, headers: {}, isFault: false };
}

function unavailable(message: string, isFault: boolean): HttpError {
  return { status: 503, code: 'UNAVAILABLE', message, headers: { 'retry-after': RETRY_SECONDS }, isFault };
}

/** What Fastify itself refuses has a status of 4xx; everything else is a fault of ours. */
function fromServer(error: unknown, requestId: string): HttpError {
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (error instanceof Error && status >= 400 && status < 500) {
    return { status, code: 'UNSUPPORTED', message: error.message, headers: {}, isFault: false };
  }
  const message = `The gateway failed to answer; its log says why under request ${requestId}.`;
  return { status: 500, code: 'UNKNOWN', message, headers: {}, isFault: true };
}
