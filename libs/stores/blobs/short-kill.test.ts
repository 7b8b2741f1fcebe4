import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { parseDigest } from '@dockchains/oci';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openFileBlobStore } from './file-blob-store.ts';

const LENGTH = 2000;
// Puts blobs, eight at a time, until it is killed, and names each that is acknowledged.
const WRITER = `
  import { randomBytes } from 'node:crypto';
  import { writeSync } from 'node:fs';
  import { digestOf } from '@dockchains/oci';
  import { openFileBlobStore } from ${JSON.stringify(new URL('file-blob-store.ts', import.meta.url))};
  const store = await openFileBlobStore(process.argv[1]);
  const put = async () => {
    for (;;) {
      const bytes = randomBytes(${LENGTH});
      const digest = digestOf(bytes);
      await store.put(bytes, digest);
      writeSync(1, digest + '\\n');
    }
  };
  await Promise.all(Array.from({ length: 8 }, put));`;

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'killed-'));
});

afterEach(() => rm(root, { recursive: true }));

/** Runs a writer until it has named so many, kills it, and gives all that it named. */
async function writeUntil(count: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', WRITER, root], {
    ...{ cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] },
  });
  const named: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    named.push(line);
    if (named.length === count) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  // What was cut off was not named.
  return named.filter((line) => line.length === 71);
}

test('what was acknowledged is there when the process was killed and the disk has lost what was not synced', async () => {
  const named: string[] = [];
  for (const count of [1, 37, 500]) {
    // Of two at once, one of which claims what the other writes to.
    named.push(...(await Promise.all([writeUntil(count), writeUntil(count)])).flat());
    await rm(join(root, 'blobs'), { recursive: true });
  }
  const store = await openFileBlobStore(root);
  for (const digest of named) expect(await store.stat(parseDigest(digest))).toEqual({ size: LENGTH });
  expect(named.length).toBeGreaterThanOrEqual(2 * 538);
});
