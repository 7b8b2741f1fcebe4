/** A running embedded PostgreSQL that answers on loopback. */
export interface PostgresServer {
  readonly pid: number;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The folder of its cluster (PGDATA). */
  readonly cluster: string;
  /** Whether it had been running before. */
  readonly adopted: boolean;
  /** The connection URL of one of its databases, password included. */
  readonly url: (database: string) => string;
  /** Stops it in order (SIGINT), and by force when it takes too long. */
  readonly stop: () => Promise<void>;
  /** Kills its main process with SIGKILL, as a crash would; resolves when that is gone. */
  readonly kill9: () => Promise<void>;
}

export interface PostgresOptions {
  /** Absolute path of a folder that is made when absent: password, log and, where its user can reach it, cluster. */
  readonly dataDir: string;
  /** Configuration parameters by name, over the defaults. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /**
   * `process` (the default): it ends when this process does, however that ends. `temporary`: its data are removed then,
   * too. `detached`: it outlives this process.
   */
  readonly life?: 'process' | 'temporary' | 'detached';
}

/** Starts the server of a data folder on its last port or, if that is not free, another; or adopts the one that runs there already; resolves when it answers. */
export function startPostgres(options: PostgresOptions): Promise<PostgresServer>;

/** Whether the server of a data folder runs. */
export function isPostgresRunning(dataDir: string): boolean;

/** Removes a data folder and its cluster; the server must have been stopped. */
export function removePostgres(dataDir: string): void;
