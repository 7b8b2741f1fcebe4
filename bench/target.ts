/** A registry under load, on loopback. */
export interface Target {
  readonly name: string;
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** Gives what its requests carry: a token that is still good, or nothing. */
  readonly authorize: () => Promise<Readonly<Record<string, string>>>;
  /** Of its process. */
  readonly pid: () => number;
  /** Ends its process and leaves what it stored. */
  readonly halt: () => Promise<void>;
  /** Starts it again where it was halted; resolves when it answers. */
  readonly start: () => Promise<void>;
  /** Stops it and removes what it stored. */
  readonly stop: () => Promise<void>;
}

/** The repository of everything but the many tags. */
export const REPOSITORY = 'public/bench';

/** The repository of the many tags. */
export const TAGS_REPOSITORY = 'public/tags';
