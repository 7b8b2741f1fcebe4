import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { getOrganisation } from '@dockchains/client';
import { serveFiles, startGateway, type TestGateway } from '@dockchains/testing';
import {
  checkPolicy,
  hashLeaf,
  parseNote,
  parseOrigin,
  parsePolicy,
  parseProofFile,
  verifyProofFile,
} from '@dockchains/tlog';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { BUILD_MS, buildGoPrograms } from './go-clients.ts';
import { noteKeyOf } from './note-keys.ts';
import { readFolder } from './oci-layout.ts';
import { runProgram } from './programs.ts';
import { createTesseraLog, type TesseraLog } from './tessera-log.ts';

const ORIGIN = 'log.example/tessera';
const KEY = noteKeyOf(ORIGIN);
const STRANGER = noteKeyOf('stranger.example/tessera');

// Tessera asks again for ever what was refused.
const GIVE_UP_MS = 8_000;

const cleanup = new AsyncDisposableStack();
let folder: string;
let programs: Awaited<ReturnType<typeof build>>;
let gateway: TestGateway;
let witnessKey: string;
let policy: string;
let log: TesseraLog;

const build = () => buildGoPrograms(folder, 'posix-oneshot', 'proof');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dockchains-tessera-'));
  cleanup.defer(() => rm(folder, { recursive: true }));
  programs = await build();
  if (programs === undefined) return;
  const logs = join(folder, 'logs');
  await writeFile(logs, `log ${KEY.verifierKey}\nquorum none\n`);
  gateway = await startGateway({ env: { DOCKCHAINS_WITNESS_LOGS: logs } });
  cleanup.defer(() => gateway.close());
  const { descriptor } = await getOrganisation(fetch, gateway.url);
  witnessKey = descriptor.keys.witness;
  policy = `log ${KEY.verifierKey}\nwitness ours ${witnessKey} ${gateway.url}/witness\nquorum ours\n`;
  log = await createTesseraLog(programs['posix-oneshot'], join(folder, 'tessera'), KEY);
}, BUILD_MS);
afterAll(() => cleanup.disposeAsync());

const entries = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `entry ${from + index}`);

/** The published checkpoint, accepted by the policy that asks for our witness. */
const published = async () => {
  const note = parseNote(await readFile(join(log.folder, 'checkpoint')));
  return checkPolicy(note, parsePolicy(policy), parseOrigin(ORIGIN));
};

test('a log by Tessera is published with our witness’s cosignature, which its own verifier accepts', async ({
  skip,
}) => {
  if (programs === undefined) return skip();
  await log.add(entries(0, 3), { policy });
  expect(await published()).toMatchObject({ checkpoint: { size: 3n }, witnesses: [{ name: 'ours' }] });
  await log.add(entries(3, 10), { policy });
  expect(await published()).toMatchObject({ checkpoint: { size: 10n }, witnesses: [{ name: 'ours' }] });
});

test('a log that went on without us learns our size, and proves its way from there', async ({ skip }) => {
  if (programs === undefined) return skip();
  await log.add(entries(10, 20));
  await expect(published()).rejects.toThrow(expect.objectContaining({ code: 'QUORUM_NOT_MET' }));
  const said = await log.add(entries(20, 300), { policy });
  expect(said).toMatch(/replied with x\.tlog\.size 10 != our hint 20, retrying/);
  expect(await published()).toMatchObject({ checkpoint: { size: 300n }, witnesses: [{ name: 'ours' }] });
});

test('proofs that Tessera’s client makes of it hold for both', async ({ skip }) => {
  if (programs === undefined) return skip();
  const server = await serveFiles(await readFolder(log.folder));
  cleanup.defer(() => server.close());
  const made = await runProgram(programs.proof, [
    ...['prove', '-log', KEY.verifierKey, '-index', '257', server.url],
  ]);
  const file = join(folder, 'entry.tlog-proof');
  await writeFile(file, made);
  const verified = await runProgram(programs.proof, [
    ...['verify', '-log', KEY.verifierKey, '-witness', witnessKey, file],
  ]);
  expect(verified).toMatch(/^ok index=257 size=300 cosigned=1 /);
  const ours = parseProofFile(made);
  expect(verifyProofFile(ours, parsePolicy(policy), hashLeaf(Buffer.from('entry 257')))).toMatchObject({
    checkpoint: { size: 300n },
  });
  expect(() => verifyProofFile(ours, parsePolicy(policy), hashLeaf(Buffer.from('entry 258')))).toThrow(
    expect.objectContaining({ code: 'BAD_ROOT' }),
  );
});

test('what contradicts the cosigned head, or is nobody’s whom we know, is published by nobody', async ({
  skip,
}) => {
  if (programs === undefined) return skip();
  const forked = await createTesseraLog(programs['posix-oneshot'], join(folder, 'forked'), KEY);
  await forked.add(entries(1000, 1310));
  await expect(forked.add(entries(1310, 1320), { policy, timeoutMs: GIVE_UP_MS })).rejects.toThrow(
    'says that the consistency proof is bad',
  );
  const unknown = await createTesseraLog(programs['posix-oneshot'], join(folder, 'unknown'), STRANGER);
  await expect(unknown.add(entries(0, 3), { policy, timeoutMs: GIVE_UP_MS })).rejects.toThrow(
    'says checkpoint origin is unknown',
  );
  await expect(stat(join(unknown.folder, 'checkpoint'))).rejects.toThrow('ENOENT');
  expect((await readFile(join(forked.folder, 'checkpoint'), 'utf8')).split('\n')[1]).toBe('310');
});
