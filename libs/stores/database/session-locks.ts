import pg from 'pg';

import { shareLookups } from './shared-lookup.ts';

/** A held advisory lock. */
export interface Lock {
  /** Aborts when the connection that holds the lock is lost: another session may then have it. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/** Advisory locks of one PostgreSQL session, on a connection that is opened when the first is asked for. */
export interface SessionLocks {
  /** Takes a lock without waiting; undefined if it is held, by another session or already by this one. */
  tryLock(key: bigint): Promise<Lock | undefined>;
  /** Closes the connection and with it gives up every lock. */
  close(): Promise<void>;
}

interface Session {
  readonly client: pg.Client;
  /** The locks of this session, which PostgreSQL itself would grant to it twice. */
  readonly held: Map<bigint, AbortController>;
  /** Asks when what was asked before is answered. */
  readonly ask: <Row extends object>(query: pg.QueryConfig) => Promise<Row[]>;
  /** Those that are asked for at once share a statement. */
  readonly tryLock: (key: bigint) => Promise<boolean>;
  readonly unlock: (key: bigint) => Promise<boolean>;
}

// A session that says nothing for so long is ended by the server, and its locks are free. A gateway that hangs (stopped, swapped
// out, its machine gone) would otherwise hold them for ever: its kernel still answers TCP.
const SILENCE_MS = 3_000;
const HEARTBEAT_MS = 500;

const SET_SILENCE = { text: `SET idle_session_timeout = ${SILENCE_MS}` };
const HEARTBEAT = { name: 'database-lock-heartbeat', text: 'SELECT' };
const TRY_LOCKS = {
  name: 'database-try-locks',
  text: 'SELECT pg_try_advisory_lock(k) AS held FROM unnest($1::bigint[]) WITH ORDINALITY AS w (k, n) ORDER BY n',
};
const UNLOCK = {
  name: 'database-unlock',
  text: 'SELECT pg_advisory_unlock(k) FROM unnest($1::bigint[]) WITH ORDINALITY AS w (k, n) ORDER BY n',
};

/** Opens the locks of a session; any number of them share its one connection. */
export function openSessionLocks(config: pg.ClientConfig): SessionLocks {
  let opening: Promise<Session> | undefined;

  const connect = (): Promise<Session> => {
    const attempt = open(config, () => {
      if (opening === attempt) opening = undefined;
    });
    return attempt;
  };

  return {
    async tryLock(key) {
      const session = await (opening ??= connect());
      if (session.held.has(key)) return undefined;
      const controller = new AbortController();
      session.held.set(key, controller);
      try {
        if (await session.tryLock(key)) {
          return { lost: controller.signal, release: () => release(session, key, controller) };
        }
      } catch (error) {
        session.held.delete(key);
        throw error;
      }
      session.held.delete(key);
      return undefined;
    },

    async close() {
      const session = await opening?.catch(() => undefined);
      await session?.client.end();
    },
  };
}

const open = async (config: pg.ClientConfig, onLost: () => void): Promise<Session> => {
  const client = new pg.Client(config);
  let last: Promise<unknown> = Promise.resolve();
  const ask = async <Row extends object>(query: pg.QueryConfig): Promise<Row[]> => {
    const asked = last.then(() => client.query<Row>(query));
    last = asked.catch(() => undefined);
    return (await asked).rows;
  };
  const valuesOf = (keys: readonly bigint[]): string[][] => [keys.map(String)];
  const session: Session = {
    client,
    held: new Map(),
    ask,
    tryLock: shareLookups<bigint, boolean>({
      identify: String,
      lookUpAll: async (keys) =>
        (await ask<{ held: boolean }>({ ...TRY_LOCKS, values: valuesOf(keys) })).map(({ held }) => held),
    }),
    unlock: shareLookups<bigint, boolean>({
      identify: String,
      lookUpAll: async (keys) => (await ask({ ...UNLOCK, values: valuesOf(keys) })).map(() => true),
    }),
  };
  const lose = (): void => {
    onLost();
    for (const controller of session.held.values()) controller.abort();
    session.held.clear();
  };
  client.on('error', lose).on('end', lose);
  try {
    await client.connect();
    // First: a server that hangs now must not be waited for either.
    keepAlive(session);
    await session.ask(SET_SILENCE);
  } catch (error) {
    lose();
    throw error;
  }
  return session;
};

/** Speaks up at every beat; a server that answers nothing for as long as it waits for us may have given the locks away. */
const keepAlive = ({ client, ask }: Session): void => {
  let answered = performance.now();
  const beat = setInterval(() => {
    if (performance.now() - answered > SILENCE_MS) void client.end().catch(() => undefined);
    ask(HEARTBEAT).then(
      () => (answered = performance.now()),
      () => undefined, // the session's end says it
    );
  }, HEARTBEAT_MS).unref();
  client.once('end', () => {
    clearInterval(beat);
  });
};

/** Gives a lock back; where that fails it goes with its connection, and so do the others. */
const release = async (
  { client, held, unlock }: Session,
  key: bigint,
  controller: AbortController,
): Promise<void> => {
  if (controller.signal.aborted) return;
  try {
    await unlock(key);
    held.delete(key);
  } catch {
    await client.end().catch(() => undefined);
  }
};
