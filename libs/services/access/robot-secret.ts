import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

// Long and of our own, so that scanners of leaked secrets know it: dockchains_robot_[A-Za-z0-9_-]{43}.
const PREFIX = 'dockchains_robot_';
const SECRET_BYTES = 32;
const NOBODY = randomBytes(SECRET_BYTES);

/** Makes a robot's secret: a prefix that scanners can look for and 256 random bits in base64url, 60 characters. */
export function makeSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64url');
}

/** Gives what is stored of a secret: its SHA-256, 32 bytes; there is nothing in it that could be guessed. */
export function hashSecret(secret: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hash('sha256', secret, 'buffer'));
}

/** Says whether the secret is that of the hash, in constant time; without one it does the same work and says no. */
export function matchesSecret(secret: string, stored: Uint8Array | undefined): boolean {
  return timingSafeEqual(hashSecret(secret), stored ?? NOBODY) && stored !== undefined;
}
