import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { type BuiltLog, buildLog } from '@dockchains/testing';
import { parsePolicy } from '@dockchains/tlog';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { auditLog } from './audit.ts';
import { type LogReader, openDirectoryLog, openHttpLog } from './log.ts';

let log: BuiltLog;
let folder: string;

beforeAll(async () => {
  log = await buildLog({ size: 300 });
  folder = await mkdtemp(join(tmpdir(), 'dockchains-log-'));
  for (const [path, file] of log.files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), file);
  }
});
afterAll(() => rm(folder, { recursive: true }));

/** Answers requests for the log's files with what `answer` gives, and counts them. */
function readerOver(answer: (path: string, count: number) => Response): {
  reader: LogReader;
  count: () => number;
} {
  let count = 0;
  const reader = openHttpLog((url) => {
    count += 1;
    return Promise.resolve(answer(new URL(url as string).pathname.slice(1), count));
  }, 'http://log.example/');
  return { reader, count: () => count };
}

test('audits a log that lies in a folder', async () => {
  const result = await auditLog({ reader: openDirectoryLog(folder), policy: parsePolicy(log.policy) });
  expect(result).toMatchObject({ status: 'good', audited: 300n });
});

test('says that a folder lacks a tile', async () => {
  const read = openDirectoryLog(folder).readTile({ level: 3, index: 0n, width: 1 });
  await expect(read).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('tries again what a gateway can not answer for the moment', async () => {
  const { reader, count } = readerOver((path, tries) =>
    tries < 3 ? new Response('', { status: 503 }) : new Response(new Uint8Array(log.files.get(path) ?? [])),
  );
  expect(Buffer.from(await reader.readTile({ level: 0, index: 0n, width: 256 }))).toEqual(
    log.files.get('tile/0/000'),
  );
  expect(count()).toBe(3);
});

test('asks once for what is not there, or is refused', async () => {
  for (const [status, code] of [
    [404, 'NOT_FOUND'],
    [403, 'DENIED'],
  ] as const) {
    const { reader, count } = readerOver(() => new Response('', { status }));
    await expect(reader.readTile({ level: 0, index: 0n, width: 256 })).rejects.toMatchObject({ code });
    expect(count()).toBe(1);
  }
});

test('L6: cuts a partial tile and bundle from the full ones', async () => {
  const { reader } = readerOver((path) => {
    const file = log.files.get(path);
    return file === undefined ? new Response('', { status: 404 }) : new Response(new Uint8Array(file));
  });
  const tile = await reader.readTile({ level: 0, index: 0n, width: 7 });
  expect(Buffer.from(tile)).toEqual(log.files.get('tile/0/000')?.subarray(0, 7 * 32));
  const bundle = await reader.readBundle({ index: 0n, width: 7 });
  const length = log.entries.slice(0, 7).reduce((sum, entry) => sum + 2 + entry.length, 0);
  expect(bundle).toHaveLength(length);
});
