import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';

import type { DigestAlgorithm } from '@dockchains/oci';

import { HashThread } from './hash-thread.ts';
import { PIECE_BYTES } from './pieces.ts';

/** A hash over bytes that come piece by piece, one after the other. */
export type PieceHash = {
  /** False if what it had is lost: it must not be asked any more. */
  readonly isAlive: () => boolean;
  /** Adds bytes of {@link takePiece}, which may be written over once this resolves. */
  readonly update: (bytes: Buffer) => Promise<void>;
  /** Gives the lowercase hexadecimal digest of all so far; more can be added behind it. */
  readonly digest: () => Promise<string>;
  /** Lets go of it. */
  readonly drop: () => void;
};

const CORES = availableParallelism();
let thread: HashThread | undefined;

/**
 * Begins a hash. One whose first piece is whole is computed on a thread of its own, beside what reads and writes; a short one
 * here, as that takes less than handing it over.
 */
export function beginPieceHash(algorithm: DigestAlgorithm): PieceHash {
  let chosen: PieceHash | undefined;
  const choose = (length: number): PieceHash =>
    length === PIECE_BYTES && CORES > 1 ? hashOnThread(algorithm) : hashHere(algorithm);
  return {
    isAlive: () => chosen?.isAlive() !== false,
    update: (bytes) => (chosen ??= choose(bytes.length)).update(bytes),
    digest: () => (chosen ??= hashHere(algorithm)).digest(),
    drop: () => chosen?.drop(),
  };
}

function hashHere(algorithm: DigestAlgorithm): PieceHash {
  const hash = createHash(algorithm);
  return {
    isAlive: () => true,
    update: (bytes) => {
      hash.update(bytes);
      return Promise.resolve();
    },
    digest: () => Promise.resolve(hash.copy().digest('hex')),
    drop: () => undefined,
  };
}

function hashOnThread(algorithm: DigestAlgorithm): PieceHash {
  if (thread?.isAlive !== true) thread = new HashThread();
  const mine = thread;
  const id = mine.begin(algorithm);
  return {
    isAlive: () => mine.isAlive,
    update: (bytes) => mine.update(id, bytes),
    digest: () => mine.digest(id),
    drop: () => {
      mine.drop(id);
    },
  };
}
