import { randomBytes, scrypt, type ScryptOptions, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

import { AccessError } from './errors.ts';

/** Hashes passwords and checks them, few at a time. */
export interface Passwords {
  /**
   * Gives a scrypt hash (RFC 7914) in the PHC string format, with its parameters and a fresh 16-byte salt.
   * @throws AccessError TOO_MANY
   */
  hash(password: string): Promise<string>;
  /**
   * Says whether the password is that of the hash; without one it does the same work and says no.
   * @throws AccessError TOO_MANY
   */
  matches(password: string, stored: string | undefined): Promise<boolean>;
}

const LOG2_N = 15;
const BLOCK_SIZE = 8;
const PARALLELISM = 1;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const STORED = /^\$scrypt\$ln=(1[0-7]),r=([1-8]),p=([1-4])\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/**
 * Makes a {@link Passwords} that runs at most `running` hashes (32 MiB and a thread each) and lets at most `waiting`
 * callers queue. Two by default: half of libuv's threads stay free for files.
 */
export function createPasswords({ running = 2, waiting = 64 } = {}): Passwords {
  const gated = createGate(running, waiting);
  const nobody = encode(randomBytes(SALT_BYTES), randomBytes(KEY_BYTES));
  return {
    hash: (password) =>
      gated(async () => {
        const salt = randomBytes(SALT_BYTES);
        return encode(salt, await run(password, salt, LOG2_N, BLOCK_SIZE, PARALLELISM));
      }),
    matches: (password, stored) =>
      gated(async () => (await compare(password, stored ?? nobody)) && stored !== undefined),
  };
}

const compare = async (password: string, stored: string): Promise<boolean> => {
  const [, log2n, blockSize, parallelism, salt, key] = STORED.exec(stored) ?? [];
  if (salt === undefined || key === undefined) {
    throw new Error('A stored password hash cannot be read: set the password of its account anew.');
  }
  const parameters = [Number(log2n), Number(blockSize), Number(parallelism)] as const;
  return timingSafeEqual(
    await run(password, Buffer.from(salt, 'base64'), ...parameters),
    Buffer.from(key, 'base64'),
  );
};

// One text, one hash, whatever keyboard it was typed on: NFC, as RFC 8265 §4.2 has it.
const run = (password: string, salt: Buffer, log2n: number, r: number, p: number): Promise<Buffer> =>
  derive(password.normalize('NFC'), salt, KEY_BYTES, {
    N: 2 ** log2n,
    r,
    p,
    maxmem: 2 * 128 * r * 2 ** log2n,
  });

const encode = (salt: Buffer, key: Buffer): string =>
  `$scrypt$ln=${LOG2_N},r=${BLOCK_SIZE},p=${PARALLELISM}$${unpadded(salt)}$${unpadded(key)}`;

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');

const createGate = (running: number, waiting: number): (<T>(work: () => Promise<T>) => Promise<T>) => {
  let free = running;
  const queue: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else if (queue.length < waiting) await new Promise<void>((resolve) => queue.push(resolve));
    else throw new AccessError('TOO_MANY', 'Too many are signing in at this moment: try again in a second.');
    try {
      return await work();
    } finally {
      // The turn passes straight to who waits longest; it is free only if nobody does.
      const next = queue.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
};
