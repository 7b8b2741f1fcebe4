import { join } from 'node:path';

import { readSecretFile, replaceDurably } from './key-files.ts';

const PEERS = 'peers.json';

/** The peers as they were kept beside the keys last, in whatever form they were given; undefined if none ever were. @throws KeyError BAD_MODE */
export function findKeptPeers(directory: string): Promise<string | undefined> {
  return readSecretFile(join(directory, PEERS));
}

/** Keeps the peers beside the keys, durably: who has lost the database must still know whom to ask. */
export function keepPeers(directory: string, text: string): Promise<void> {
  return replaceDurably(directory, PEERS, text);
}
