import { createHash } from 'node:crypto';
import { readFileSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { startGateway, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { beginUpload, openSession, type Session } from '../registry-http.ts';
import { type ByteStream, makeByteStream } from './byte-stream.ts';
import { saySkipped } from './programs.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const REPOSITORY = 'public/large';
const BLOB_MEBIBYTES = 4096;
const CHUNK_BYTES = 2 * GIB;
const MAX_RESIDENT_BYTES = 250 * MIB;
const NEEDED_BYTES = 5 * GIB;

const { bavail, bsize } = statfsSync(tmpdir());
const free = bavail * bsize;
const reason =
  process.platform !== 'linux'
    ? 'resident memory is read from /proc'
    : free < NEEDED_BYTES
      ? `it needs ${NEEDED_BYTES / GIB} GiB of disk in ${tmpdir()}`
      : undefined;

describe.skipIf(saySkipped('a blob of 4 GiB', reason))('a blob of 4 GiB', () => {
  const cleanup = new AsyncDisposableStack();
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await startGateway();
    cleanup.defer(() => gateway.close());
  });

  afterAll(() => cleanup.disposeAsync());

  test('goes in and out, and the gateway stays below 250 MiB resident', async () => {
    const blob = makeByteStream(BLOB_MEBIBYTES);
    await push(await openSession(gateway, REPOSITORY), blob);
    expect(await download(gateway, blob)).toEqual({ bytes: blob.bytes, digest: blob.digest });

    const resident = peakResidentBytes(gateway.pid);
    process.stdout.write(`peak resident memory: ${(resident / MIB).toFixed(0)} MiB\n`);
    expect(resident).toBeLessThan(MAX_RESIDENT_BYTES);
  });
});

async function push(session: Session, blob: ByteStream): Promise<void> {
  let location = await beginUpload(session);
  for (let start = 0; start < blob.bytes; start += CHUNK_BYTES) {
    const count = Math.min(CHUNK_BYTES, blob.bytes - start);
    const { sent, answer } = session.stream(location, { method: 'PATCH' });
    await pipeline(Readable.from(blob.chunks(start, count)), sent);
    const { status, headers } = await answer;
    expect(status).toBe(202);
    location = headers.get('location') ?? '';
  }
  const { status } = await session.call(`${location}?digest=${blob.digest}`, { method: 'PUT' });
  expect(status).toBe(201);
}

async function download(gateway: TestGateway, blob: ByteStream): Promise<{ bytes: number; digest: string }> {
  const token = await gateway.token(gateway.publisher, `repository:${REPOSITORY}:pull`);
  const response = await fetch(`${gateway.url}/v2/${REPOSITORY}/blobs/${blob.digest}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, digest: `sha256:${hash.digest('hex')}` };
}

/** The most memory that a process ever had resident (proc(5), VmHWM). */
function peakResidentBytes(pid: number): number {
  const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}
