import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { getOrganisation } from '@dockchains/client';
import { hashOrigin } from '@dockchains/federation';
import { buildImage, contentOf, makePeers, startGateway, type TestGateway } from '@dockchains/testing';
import { encodeVerifierKey, parsePolicy } from '@dockchains/tlog';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { openSession, type Session } from '../registry-http.ts';
import { BUILD_MS, buildGoPrograms } from './go-clients.ts';
import { runProgram } from './programs.ts';
import { pushAll } from './push-all.ts';

// Each push makes two records: the manifest's and the tag's. Full tiles, and a partial one of the level above.
const PUSHES = 300;
const PUSHERS = 8;
const ENTRIES = 2 * PUSHES;
const ORIGIN = 'acme.example/ledger/public';

const cleanup = new AsyncDisposableStack();
let folder: string;
let programs: Awaited<ReturnType<typeof build>>;
let acme: TestGateway;
let globex: TestGateway;
let logKey: string;
/** The log itself, and its mirror at globex. */
const urls = { log: '', mirror: '' };

const build = () => buildGoPrograms(folder, 'audit', 'proof', 'fsck');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dockchains-go-'));
  cleanup.defer(() => rm(folder, { recursive: true }));
  programs = await build();
  if (programs === undefined) return;
  [acme, globex] = await Promise.all([startGateway(), startGateway({ organisation: 'globex.example' })]);
  cleanup.defer(() => globex.close());
  cleanup.defer(() => acme.close());
  await makePeers(acme, globex);
  urls.log = `${acme.url}/log/public`;
  urls.mirror = `${globex.url}/mirror/${hashOrigin(ORIGIN)}`;
  const { logs } = await getOrganisation(fetch, acme.url);
  logKey = logs.find(({ origin }) => origin === ORIGIN)?.verifierKey ?? '';
  await pushMany(await openSession(acme, 'public/many'));
  for (const url of Object.values(urls)) {
    await vi.waitFor(async () => {
      expect(await entriesOf(url)).toBeGreaterThanOrEqual(ENTRIES);
    }, 60_000);
  }
}, BUILD_MS);

afterAll(() => cleanup.disposeAsync());

describe.for(['log', 'mirror'] as const)('the %s', (place) => {
  test('is audited by the Go project’s own note and tlog', async ({ skip }) => {
    if (programs === undefined) return skip();
    const printed = await runProgram(programs.audit, ['-vkey', logKey, urls[place]]);
    const found = /^ok size=(\d+) root=\S+ proved=(\d+)$/m.exec(printed);
    expect(Number(found?.[1])).toBeGreaterThanOrEqual(ENTRIES);
    expect(found?.[2]).toBe(found?.[1]);
  });

  test('is found whole by Tessera’s fsck', async ({ skip }) => {
    if (programs === undefined) return skip();
    const key = join(folder, 'log.vkey');
    await writeFile(key, logKey);
    await runProgram(programs.fsck, ['--ui=false', `--storage_url=${urls[place]}/`, `--public_key=${key}`]);
  });

  test('is read by Tessera’s client, whose proofs of entries of both halves hold', async ({ skip }) => {
    if (programs === undefined) return skip();
    const { proof } = programs;
    const witness = await witnessKey();
    for (const index of ['0', '255', '256', '599']) {
      const file = join(folder, `${place}-${index}.tlog-proof`);
      await writeFile(file, await runProgram(proof, ['prove', '-log', logKey, '-index', index, urls[place]]));
      const verified = await runProgram(proof, ['verify', '-log', logKey, '-witness', witness, file]);
      expect(verified).toMatch(new RegExp(`^ok index=${index} size=\\d+ cosigned=1 `));
    }
  });
});

test('an audit by others finds a bit that is not as it was signed', async ({ skip }) => {
  if (programs === undefined) return skip();
  const { audit } = programs;
  const flipped = await serveFlipped(urls.mirror, 'tile/entries/001');
  cleanup.defer(flipped.close);
  await expect(runProgram(audit, ['-vkey', logKey, flipped.url])).rejects.toThrow(
    'the entries have the root',
  );
});

/** Of the peer whose cosignature the log is published with. */
async function witnessKey(): Promise<string> {
  const policy = parsePolicy(await readFile(join(acme.dataDir, 'keys/trust.policy')));
  const witness = policy.witnesses.find(({ name }) => name === 'globex.example/witness');
  if (witness === undefined) throw new Error('The policy does not name the peer’s witness.');
  return encodeVerifierKey(witness.key);
}

/** Serves a log as it is but for the last bit of one file. */
async function serveFlipped(url: string, path: string): Promise<{ url: string; close: () => void }> {
  const answer = async (asked: string): Promise<{ status: number; body: Buffer }> => {
    const found = await fetch(`${url}${asked}`);
    const body = Buffer.from(await found.arrayBuffer());
    if (asked === `/${path}`) body.writeUInt8(body.readUInt8(body.length - 1) ^ 1, body.length - 1);
    return { status: found.status, body };
  };
  const server = createServer((request, response) => {
    answer(request.url ?? '').then(
      ({ status, body }) => response.writeHead(status).end(body),
      () => response.writeHead(502).end(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
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

async function entriesOf(url: string): Promise<number> {
  const checkpoint = await fetch(`${url}/checkpoint`);
  return checkpoint.ok ? Number((await checkpoint.text()).split('\n')[1]) : 0;
}
