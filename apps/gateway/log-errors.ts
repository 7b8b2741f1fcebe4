const MAX_CAUSES = 4;
const MAX_CHARACTERS = 4_000;
// Digests, record ids and the like: what they are of may be private.
const LONG_HEX = /[0-9a-f]{32,}/gi;
// SQLSTATE class 22 (PostgreSQL manual, Appendix A): its messages quote the values that were sent.
const DATA_EXCEPTION = /^22[0-9A-Z]{3}$/;

/** An error as the log has it. */
interface LoggedError {
  readonly type: string;
  readonly code?: string;
  readonly message: string;
  readonly stack: string;
  readonly cause?: LoggedError;
}

/**
 * Gives what the log may say of an error: class, code, message and stack, and its causes. Whatever else hangs on it is left out, such as the rows that
 * PostgreSQL quotes and the paths of files, and no message names a digest: logs are read by others than those who may read what they are about.
 */
export function describeError(error: unknown, depth = 0): LoggedError | string {
  return error instanceof Error ? describe(error, depth) : typeof error;
}

function describe(error: Error, depth: number): LoggedError {
  const code = 'code' in error && typeof error.code === 'string' ? clean(error.code) : undefined;
  const message = clean(messageOf(error, code));
  const cause = error.cause instanceof Error && depth < MAX_CAUSES ? error.cause : undefined;
  return {
    type: error.constructor.name,
    ...(code !== undefined && { code }),
    message,
    stack: `${error.name}: ${message}\n${framesOf(error)}`,
    ...(cause !== undefined && { cause: describe(cause, depth + 1) }),
  };
}

function messageOf({ name, message }: Error, code: string | undefined): string {
  if (code !== undefined && DATA_EXCEPTION.test(code)) return 'PostgreSQL did not take a value.';
  // Before its last line Prisma shows what it was called with.
  return name.startsWith('PrismaClient') ? (message.trim().split('\n').at(-1) ?? '') : message;
}

/** The lines of the stack that say where, and not what. */
function framesOf({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
}

function clean(text: string): string {
  return text.slice(0, MAX_CHARACTERS).replace(LONG_HEX, '…');
}
