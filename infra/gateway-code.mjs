// What code a gateway runs, so that one which was started before a `git pull` is told from one that runs what is here.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inRoot } from './toolchain.mjs';

const places = [['apps', 'gateway'], ['libs'], ['prisma'], ['package-lock.json']];
// `generated` follows from `prisma`.
const leftOut = /^(node_modules|generated)$|\.test\.ts$/;

/** A digest, in hexadecimal, of the program's files and what they are called. */
export function digestOfCode() {
  const hash = createHash('sha256');
  for (const place of places) addTo(hash, inRoot(...place));
  return hash.digest('hex');
}

function addTo(hash, path) {
  if (!existsSync(path)) return;
  if (statSync(path).isDirectory()) {
    for (const name of readdirSync(path).sort()) if (!leftOut.test(name)) addTo(hash, join(path, name));
    return;
  }
  const content = readFileSync(path);
  hash.update(`${path}\0${content.length}\0`).update(content);
}
