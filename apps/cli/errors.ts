import { ClientError, type ClientErrorCode } from '@dockchains/client';

/** What a command can end with, other than success. */
export type CliErrorCode =
  | 'VERIFICATION_FAILED'
  | 'NOT_FOUND'
  | 'USAGE'
  | 'NO_POLICY'
  | 'BAD_CONFIGURATION'
  | 'KEY_CHANGED'
  | 'UNREACHABLE'
  | 'TIMEOUT'
  | 'DENIED';

/** A command's end, as a sentence or two: what happened, why, what to do. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Exit codes: 0 good, 1 verification failed (or nothing there to verify), 2 usage, 3 unreachable, 4 denied. */
export type ExitCode = 0 | 1 | 2 | 3 | 4;

const EXIT_CODES: Record<CliErrorCode | ClientErrorCode, ExitCode> = {
  VERIFICATION_FAILED: 1,
  KEY_CHANGED: 1,
  NOT_FOUND: 1,
  USAGE: 2,
  NO_POLICY: 2,
  BAD_CONFIGURATION: 2,
  REJECTED: 2,
  UNREACHABLE: 3,
  TIMEOUT: 3,
  UNAVAILABLE: 3,
  BAD_RESPONSE: 3,
  DENIED: 4,
};

/** What a failed command reports. */
export type Failure = { readonly code: string; readonly message: string; readonly exitCode: ExitCode };

/** Turns an error into what is reported; undefined if it is none that a command foresees. */
export function findFailure(error: unknown): Failure | undefined {
  if (!(error instanceof CliError || error instanceof ClientError)) return undefined;
  return { code: error.code, message: error.message, exitCode: EXIT_CODES[error.code] };
}
