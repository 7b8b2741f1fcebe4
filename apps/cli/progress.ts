import type { Io } from './io.ts';

/** Tells on standard error how far long work has come: one changing line on a terminal, elsewhere a line every few seconds. */
export type Progress = {
  /** Shows this text when it is time to. */
  readonly update: (text: string) => void;
  /** Clears the line of a terminal. */
  readonly stop: () => void;
};

const TERMINAL_MS = 100;
const LINES_MS = 5000;
const CLEAR_LINE = '\r\u{1b}[2K';

/** Starts telling; nothing is written before the first update. */
export function startProgress({ stderr, clock }: Io): Progress {
  const isTerminal = stderr.isTTY === true;
  const everyMs = isTerminal ? TERMINAL_MS : LINES_MS;
  // Work that is done before the first line is due needs none in a log, but shows at once on a terminal.
  let shownAt = isTerminal ? 0 : clock().getTime();
  let isShown = false;

  return {
    update: (text) => {
      const now = clock().getTime();
      if (now - shownAt < everyMs) return;
      shownAt = now;
      isShown = true;
      stderr.write(isTerminal ? `${CLEAR_LINE}${text}` : `${text}\n`);
    },
    stop: () => {
      if (isTerminal && isShown) stderr.write(CLEAR_LINE);
    },
  };
}
