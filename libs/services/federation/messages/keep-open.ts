import { setTimeout as pause } from 'node:timers/promises';

import type { Connection } from '@dockchains/messaging';

/** A connection that is opened again whenever it has ended. */
export interface KeptConnection {
  /** The connection; undefined while there is none. */
  find(): Connection | undefined;
  close(): Promise<void>;
}

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 2_000;
const STEADY_MS = 10_000;

/**
 * Keeps a connection open: `open` makes one, `use` sets it up and may work until it ends; when either fails, or the connection
 * ends, another is opened with back-off.
 */
export function keepOpen({
  open,
  use,
  onTrouble,
}: {
  readonly open: () => Promise<Connection>;
  readonly use: (connection: Connection) => Promise<void>;
  readonly onTrouble: (error: unknown) => void;
}): KeptConnection {
  const stop = new AbortController();
  let current: Connection | undefined;

  const runOnce = async (): Promise<void> => {
    const connection = await open();
    // Also while it is being set up: nobody else would end it then.
    const end = (): void => void connection.close();
    stop.signal.addEventListener('abort', end);
    try {
      if (stop.signal.aborted) return;
      await use(connection);
      current = connection;
      await connection.closed;
    } finally {
      current = undefined;
      stop.signal.removeEventListener('abort', end);
      await connection.close();
    }
  };
  const run = async (): Promise<void> => {
    let delayMs = FIRST_DELAY_MS;
    while (!stop.signal.aborted) {
      const started = performance.now();
      await runOnce().catch(onTrouble);
      if (performance.now() - started > STEADY_MS) delayMs = FIRST_DELAY_MS;
      await pause(delayMs, undefined, { signal: stop.signal }).catch(() => undefined);
      delayMs = Math.min(2 * delayMs, MAX_DELAY_MS);
    }
  };
  const running = run();
  return {
    find: () => current,
    async close() {
      stop.abort();
      await running;
    },
  };
}
