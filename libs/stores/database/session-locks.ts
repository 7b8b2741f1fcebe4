import pg from 'pg';

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
}

const TRY_LOCK = { name: 'database-try-lock', text: 'SELECT pg_try_advisory_lock($1) AS held' };
const UNLOCK = { name: 'database-unlock', text: 'SELECT pg_advisory_unlock($1)' };

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
        const { rows } = await session.client.query<{ held: boolean }>({
          ...TRY_LOCK,
          values: [key.toString()],
        });
        if (rows[0]?.held === true) {
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
  const session: Session = { client: new pg.Client(config), held: new Map() };
  const lose = (): void => {
    onLost();
    for (const controller of session.held.values()) controller.abort();
    session.held.clear();
  };
  session.client.on('error', lose).on('end', lose);
  try {
    await session.client.connect();
  } catch (error) {
    lose();
    throw error;
  }
  return session;
};

/** Gives a lock back; where that fails it goes with its connection, and so do the others. */
const release = async (
  { client, held }: Session,
  key: bigint,
  controller: AbortController,
): Promise<void> => {
  if (controller.signal.aborted) return;
  try {
    await client.query({ ...UNLOCK, values: [key.toString()] });
    held.delete(key);
  } catch {
    await client.end().catch(() => undefined);
  }
};
