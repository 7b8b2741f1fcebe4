/** A registry under load, on loopback. */
export interface Target {
  readonly name: string;
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** Gives what its requests carry: a token that is still good, or nothing. */
  readonly authorize: () => Promise<Readonly<Record<string, string>>>;
  /** Stops it and removes what it stored. */
  readonly stop: () => Promise<void>;
}

/** The repository of everything but the many tags. */
export const REPOSITORY = 'public/bench';

/** The repository of the many tags. */
export const TAGS_REPOSITORY = 'public/tags';
