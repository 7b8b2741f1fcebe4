/**
 * Small immutable objects by key, and a few mutable ones: a ledger's tiles, bundles, staging and heads.
 *
 * Keys are relative slash paths of at most 512 characters; each part is 1 to 200 letters, digits, and `.`, `_`, `~`, `@`, `+`, `-`, and not `.` or `..`.
 * No key may be a folder of another one.
 * Durability: what `putIfAbsent`, `replace` and `delete` did survives a loss of power once they return, also if it was somebody else who did it first.
 * Atomicity: an object is seen whole or not at all. Concurrency: safe for any number of processes; of several `putIfAbsent` under one key exactly one
 * stores. Every method throws BlobStoreError KEY_INVALID for a key that is none, NO_SPACE or IO when the medium fails.
 */
export type TileStore = {
  /**
   * Stores the bytes under a key that has none yet; 'present' if the same bytes are there.
   * @throws BlobStoreError TILE_CONFLICT if other bytes are there: an immutable object was about to be contradicted
   */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<'stored' | 'present'>;
  /** Gives an object's bytes; undefined if there is none. */
  get(key: string): Promise<Buffer | undefined>;
  /** Stores the bytes under a mutable key, over what is there; the last one wins. */
  replace(key: string, bytes: Uint8Array): Promise<void>;
  /** Gives the keys that begin with the prefix, in byte order; '' gives all. */
  list(prefix: string): AsyncIterable<string>;
  /** Removes an object; false if there was none. */
  delete(key: string): Promise<boolean>;
};
