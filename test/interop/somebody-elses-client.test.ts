import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { getOrganisation } from '@dockchains/client';
import { buildImage, contentOf, startGateway, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { openSession, type Session } from '../registry-http.ts';
import { type Built, buildFsck, buildGoAudit } from './go-clients.ts';
import { runProgram, saySkipped } from './programs.ts';
import { pushAll } from './push-all.ts';

// Each push makes two records: the manifest's and the tag's. Full tiles, and a partial one of the level above.
const PUSHES = 300;
const PUSHERS = 8;
const ENTRIES = 2 * PUSHES;
const BUILD_MS = 600_000;

const cleanup = new AsyncDisposableStack();
let gateway: TestGateway;
let folder: string;
let log: { url: string; verifierKey: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dockchains-go-'));
  cleanup.defer(() => rm(folder, { recursive: true }));
  gateway = await startGateway();
  cleanup.defer(() => gateway.close());

  await pushMany(await openSession(gateway, 'public/many'));
  const { logs } = await getOrganisation(fetch, gateway.url);
  const [found] = logs;
  if (found === undefined) throw new Error('The gateway names no log.');
  log = found;
  await vi.waitFor(async () => {
    expect(await publishedSize(log.url)).toBe(ENTRIES);
  }, 30_000);
});

afterAll(() => cleanup.disposeAsync());

test('the Go project’s own note and tlog audit the log', { timeout: BUILD_MS }, async ({ skip }) => {
  const audit = await buildGoAudit(folder);
  if (!isBuilt('the audit by sumdb note and tlog', audit)) return skip();
  const printed = await runProgram(audit.program, ['-vkey', log.verifierKey, log.url]);
  expect(printed).toMatch(new RegExp(`^ok size=${ENTRIES} root=\\S+ proved=${ENTRIES}$`, 'm'));
});

test('Tessera’s fsck finds the log whole', { timeout: BUILD_MS }, async ({ skip }) => {
  const fsck = await buildFsck(folder);
  if (!isBuilt('the check by tlog-tiles fsck', fsck)) return skip();
  const key = join(folder, 'log.vkey');
  await writeFile(key, log.verifierKey);
  await runProgram(fsck.program, ['--ui=false', `--storage_url=${log.url}/`, `--public_key=${key}`]);
});

function isBuilt(what: string, built: Built): built is Extract<Built, { program: string }> {
  return !saySkipped(what, 'reason' in built ? built.reason : undefined);
}

/** Pushes small images of one config, each under a tag of its own, several at a time. */
async function pushMany(session: Session): Promise<void> {
  const config = contentOf(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const image = (number: number) =>
    buildImage({ config, layers: [], annotations: { number: String(number) } });
  let next = 0;
  const push = async (): Promise<void> => {
    for (let number = next++; number < PUSHES; number = next++) {
      await pushAll(session, image(number), `tag-${number}`);
    }
  };
  await Promise.all(Array.from({ length: PUSHERS }, push));
}

async function publishedSize(url: string): Promise<number> {
  const checkpoint = await fetch(`${url}/checkpoint`);
  return Number((await checkpoint.text()).split('\n')[1]);
}
