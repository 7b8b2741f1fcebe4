import { randomBytes } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openDatabase } from '@dockchains/database';
import { digestOf } from '@dockchains/oci';
import {
  buildImage,
  buildLayer,
  createDatabaseOn,
  createTestDatabase,
  exhaustLog,
  findMountObstacle,
  mountSmallDisk,
  startGateway,
  startPrivatePostgres,
  type TestGateway,
} from '@dockchains/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { type AcknowledgedPush, pushImage, PushFailure } from './pusher.ts';
import { attach, findTraceObstacle } from './strace.ts';
import { awaitPublished, verifyPushes } from './verify.ts';

const SOON = { timeout: 60_000, interval: 20 };

const obstacle = findTraceObstacle();
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dockchains-disk-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const countRows = async (databaseUrl: string): Promise<object> => {
  const database = openDatabase(databaseUrl);
  try {
    const [row] = await database.query({
      name: 'test-count-rows',
      text: `SELECT (SELECT count(*) FROM blob) AS blobs, (SELECT count(*) FROM repository_blob) AS links,
               (SELECT count(*) FROM manifest) AS manifests, (SELECT count(*) FROM tag) AS tags,
               (SELECT count(*) FROM ledger_queue) + (SELECT count(*) FROM ledger_entry) AS records`,
    });
    return row ?? {};
  } finally {
    await database.close();
  }
};

describe.skipIf(obstacle !== undefined)(`a disk under trace (skipped: ${obstacle ?? 'no'})`, () => {
  test('has every blob and manifest, in the journal or file and folder, before the 201 goes out', async () => {
    const gateway = await startGateway();
    try {
      const token = await gateway.token(gateway.publisher, 'repository:public/app:pull,push');
      await pushImage(gateway.url, token, 'public/app', 'warm'); // folders and caches exist from here on
      const options = [
        '-e',
        'trace=fsync,fdatasync,open,openat,pwrite64,rename,renameat,renameat2,link,linkat,write,writev',
      ];
      const trace = await attach(gateway.pid, options, join(folder, 'trace'));
      const journals = await listSynced(gateway.pid, join(gateway.dataDir, 'blobs', 'journal'));
      expect(journals).not.toEqual([]);
      const long = buildLayer({ files: [{ path: 'long', bytes: randomBytes(100_000) }] });
      const image = buildImage({ layers: [buildLayer(), long] });
      await pushImage(gateway.url, token, 'public/app', 'traced', image);
      const lines = joinUnfinished(await trace.stop());

      const digests = [...image.blobs.map(({ descriptor }) => descriptor.digest), image.descriptor.digest];
      let from = 0;
      for (const digest of digests) {
        const hex = digest.slice(digest.indexOf(':') + 1);
        const named = lines.findIndex(
          (line, at) => at >= from && /(rename|link)/.test(line) && line.includes(hex),
        );
        expect(named, `${digest} comes to its name`).toBeGreaterThan(from);
        const before = lines.slice(from, named);
        const inJournal = digest !== long.descriptor.digest;
        const synced = inJournal ? before.some((line) => isWrite(line, journals)) : isSynced(before);
        expect(synced, `${digest} is on disk before it has its name`).toBe(true);
        const answered = lines.findIndex((line, at) => at > named && line.includes('HTTP/1.1 201'));
        expect(answered, `${digest} is acknowledged`).toBeGreaterThan(named);
        const folderSynced = lines
          .slice(named, answered)
          .some((line) => new RegExp(`fsync\\(\\d+<[^>]*/${hex.slice(0, 2)}>\\s*\\)\\s+= 0`).test(line));
        if (!inJournal) expect(folderSynced, `the folder of ${digest} is synced before the 201`).toBe(true);
        from = answered;
      }
    } finally {
      await gateway.close();
    }
  });

  test('L8: a disk that fails to write and sync is a clear 5xx, leaves nothing, and the same push passes afterwards', async () => {
    const database = await createTestDatabase();
    const databaseUrl = database.url;
    const gateway = await startGateway({ database: databaseUrl });
    try {
      const token = await gateway.token(gateway.publisher, 'repository:public/app:pull,push');
      const first = await pushImage(gateway.url, token, 'public/app', 'before');
      await awaitPublished(databaseUrl);
      const before = await countRows(databaseUrl);
      const calls = 'fsync,fdatasync,pwrite64';
      const fault = ['-e', `trace=${calls}`, '-e', `inject=${calls}:error=EIO`];
      const trace = await attach(gateway.pid, fault, join(folder, 'eio'));
      const image = buildImage();
      await expectClear5xx(gateway, token, image);
      await trace.stop();
      expect(await countRows(databaseUrl)).toEqual(before);
      await expectAbsent(gateway, image);

      const second = await pushImage(gateway.url, token, 'public/app', 'after', image);
      await awaitPublished(databaseUrl);
      await verifyPushes(gateway.url, databaseUrl, [first, second]);
    } finally {
      await gateway.close();
      await database.drop();
    }
  });
});

/** Says whether a file was synced. */
function isSynced(lines: readonly string[]): boolean {
  return lines.some((line) => /f(data)?sync\(\d+<[^>]*>\s*\)\s+= 0/.test(line));
}

const isWrite = (line: string, paths: readonly string[]): boolean =>
  paths.some((path) => line.includes(`pwrite64(`) && line.includes(`<${path}>`) && /= [1-9]\d*$/.test(line));

/** Gives the files of a folder that a process has open such that each write to them comes back once it is on disk. */
async function listSynced(pid: number, folderPath: string): Promise<string[]> {
  const found: string[] = [];
  for (const file of await readdir(`/proc/${pid}/fd`)) {
    const path = await readlink(`/proc/${pid}/fd/${file}`).catch(() => '');
    if (!path.startsWith(`${folderPath}/`)) continue;
    const [, flags = '0'] =
      /^flags:\s*(\d+)$/m.exec(await readFile(`/proc/${pid}/fdinfo/${file}`, 'utf8')) ?? [];
    if ((Number.parseInt(flags, 8) & constants.O_DSYNC) !== 0) found.push(path);
  }
  return found;
}

const noMount = findMountObstacle();

describe.skipIf(noMount !== undefined)(`a small disk (skipped: ${noMount ?? 'no'})`, () => {
  test('L8: a full disk is a clear 5xx, leaves nothing, and pushes pass once there is room', async () => {
    await using cleanup = new AsyncDisposableStack();
    const disk = await mountSmallDisk(24);
    cleanup.defer(() => disk.remove());
    const database = await createTestDatabase();
    cleanup.defer(() => database.drop());
    const databaseUrl = database.url;
    const gateway = await startGateway({ database: databaseUrl, dataDir: disk.folder });
    cleanup.defer(() => gateway.close());
    const token = await gateway.token(gateway.publisher, 'repository:public/app:pull,push');
    const first = await pushImage(gateway.url, token, 'public/app', 'before');
    await awaitPublished(databaseUrl);
    const before = await countRows(databaseUrl);
    const large = randomBytes(32 * 1024 * 1024);
    const answer = await fetch(`${gateway.url}/v2/public/app/blobs/uploads/?digest=${digestOf(large)}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' },
      body: new Uint8Array(large),
    });
    expect(answer.status).toBe(507);
    expect(await answer.json()).toMatchObject({
      errors: [{ message: expect.stringMatching(/space|full/i) as string }],
    });
    expect(await countRows(databaseUrl)).toEqual(before);
    const second = await pushImage(gateway.url, token, 'public/app', 'after');
    await awaitPublished(databaseUrl);
    await verifyPushes(gateway.url, databaseUrl, [first, second]);
  });

  test('L8: a full disk of PostgreSQL, which ends over it, is a clear 5xx, loses nothing, and is got over', async () => {
    await using cleanup = new AsyncDisposableStack();
    const disk = await mountSmallDisk(256);
    cleanup.defer(() => disk.remove());
    const postgres = await startPrivatePostgres({ min_wal_size: '32MB' }, disk.folder);
    cleanup.defer(() => postgres.remove());
    const { url: databaseUrl } = await createDatabaseOn(postgres.url('postgres'));
    const gateway = await startGateway({ database: databaseUrl });
    cleanup.defer(() => gateway.close());
    const { pid } = gateway;
    const token = await gateway.token(gateway.publisher, 'repository:public/app:pull,push');
    const first = await pushImage(gateway.url, token, 'public/app', 'before');

    await exhaustLog(postgres.url('postgres'), disk);
    // What it can't write even to recover, it gives up over.
    await expect.poll(() => isAlive(postgres.pid), SOON).toBe(false);
    const { status, body, retryAfter } = await expectClear5xx(gateway, token, buildImage());
    expect({ status, body, retryAfter }).toMatchObject({ status: 503, retryAfter: '5' });

    await disk.free();
    await postgres.start();
    const push = async (): Promise<AcknowledgedPush> => pushImage(gateway.url, token, 'public/app', 'after');
    const second = await vi.waitFor(push, SOON);
    await awaitPublished(databaseUrl);
    await verifyPushes(gateway.url, databaseUrl, [first, second]);
    expect(gateway.pid).toBe(pid);
  });
});

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`);

const expectClear5xx = async (
  gateway: TestGateway,
  token: string,
  image: ReturnType<typeof buildImage>,
): Promise<PushFailure> => {
  const refused = await pushImage(gateway.url, token, 'public/app', 'faulty', image).catch(
    (error: unknown) => error,
  );
  expect(refused).toBeInstanceOf(PushFailure);
  const failure = refused as PushFailure;
  const { status, body } = failure;
  expect(status).toBeGreaterThanOrEqual(500);
  const { errors } = JSON.parse(body) as { errors: { code: string; message: string }[] };
  expect(errors[0]?.message.length).toBeGreaterThan(20);
  return failure;
};

const expectAbsent = async (gateway: TestGateway, image: ReturnType<typeof buildImage>): Promise<void> => {
  for (const { descriptor } of image.blobs) {
    const answer = await fetch(`${gateway.url}/v2/public/app/blobs/${descriptor.digest}`, { method: 'HEAD' });
    expect(answer.status).toBe(404);
  }
  const answer = await fetch(`${gateway.url}/v2/public/app/manifests/faulty`, { method: 'HEAD' });
  expect(answer.status).toBe(404);
};

/** strace splits a call that another thread interrupts in two lines: put the end where the call ended. */
function joinUnfinished(lines: readonly string[]): string[] {
  const begun = new Map<string, string>();
  const joined: string[] = [];
  for (const line of lines) {
    const thread = /^\d+/.exec(line)?.[0] ?? '';
    const resumed = /<\.\.\. \w+ resumed>(.*)$/.exec(line);
    if (line.endsWith('<unfinished ...>')) begun.set(thread, line.slice(0, -'<unfinished ...>'.length));
    else if (resumed !== null) joined.push(`${begun.get(thread) ?? ''}${resumed[1] ?? ''}`);
    else joined.push(line);
  }
  return joined;
}
