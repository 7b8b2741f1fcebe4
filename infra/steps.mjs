// What the bootstrap says: a line for each step, with its time, and one sentence when it cannot go on.

/** Something a person can mend: its message is one sentence that says what is wrong and what to do. */
export class Refusal extends Error {
  /**
   * @param {string} message
   * @param {{ cause?: unknown, details?: string }} [options] `details`: lines of another program's output
   */
  constructor(message, { cause, details } = {}) {
    super(message, { cause });
    this.name = 'Refusal';
    this.details = details;
  }
}

const inColour = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code) => (text) => (inColour ? `\u001b[${code}m${text}\u001b[0m` : text);

/** Text styles, plain where the output is not a terminal. */
export const style = {
  bold: paint('1'),
  dim: paint('2'),
  red: paint('31'),
  green: paint('32'),
  yellow: paint('33'),
};

/** Prints one line. */
export function say(line = '') {
  process.stdout.write(`${line}\n`);
}

/** A duration as people read it. */
export function formatDuration(ms) {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

// Steps may run at once: a line for each that has ended, and below them one with those that run.
const running = new Set();

function showRunning() {
  if (!inColour || running.size === 0) return;
  const width = (process.stdout.columns ?? 80) - 5;
  process.stdout.write(style.dim(`  … ${[...running].join(' · ').slice(0, width)}`));
}

function printAbove(line) {
  process.stdout.write(`${inColour ? '\r\u001b[K' : ''}${line}\n`);
  showRunning();
}

/** Runs one step and prints it as a line with its time; what the work returns as a string ends the line. */
export async function step(title, work) {
  const started = performance.now();
  running.add(title);
  if (inColour) process.stdout.write('\r\u001b[K');
  showRunning();
  const end = (mark, note) => {
    const time = style.dim(formatDuration(performance.now() - started));
    running.delete(title);
    printAbove(`  ${mark} ${title}${note ? `: ${note}` : ''}  ${time}`);
  };
  try {
    const result = await work();
    end(style.green('✓'), typeof result === 'string' ? result : undefined);
    return result;
  } catch (error) {
    end(style.red('✗'));
    throw error;
  }
}

/** Prints something that is not as it should be, although everything goes on. */
export function warn(sentence) {
  printAbove(`  ${style.yellow('!')} ${sentence}`);
}

/** Does the same for all at once and waits for every one, so that nothing goes on behind an error. */
export async function forAll(items, work) {
  const results = await Promise.allSettled(items.map(work));
  const failed = results.find(({ status }) => status === 'rejected');
  if (failed) throw failed.reason;
  return results.map(({ value }) => value);
}

const systemProblems = {
  ENOSPC: (path) => `The disk is full${path}: free some space, then run the same command again.`,
  EDQUOT: (path) => `The disk quota is used up${path}: free some space, then run the same command again.`,
  EACCES: (path) => `This user may not use it${path}: run as the user that made it, or remove it.`,
  EPERM: (path) => `This user may not change it${path}: run as the user that made it, or remove it.`,
  EROFS: (path) => `The file system is read-only${path}: use a clone on a writable one.`,
  EMFILE: () => 'Too many files are open: raise the limit (ulimit -n 4096), then run the same command again.',
};

/** Prints why a task ended: one sentence for what a person can mend, everything for what they cannot. */
export function explain(error) {
  if (error instanceof Refusal) {
    if (error.details) process.stderr.write(`${style.dim(error.details.trimEnd())}\n`);
    process.stderr.write(`${style.red(error.message)}\n`);
    return;
  }
  const problem = systemProblems[error?.code];
  if (problem) {
    process.stderr.write(`${style.red(problem(error.path ? ` at ${error.path}` : ''))}\n`);
    return;
  }
  process.stderr.write(
    `${style.red('An unexpected error; please report it with these lines:')}\n${error?.stack ?? error}\n`,
  );
}
