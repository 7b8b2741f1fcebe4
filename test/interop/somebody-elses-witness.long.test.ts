import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { getOrganisation } from '@dockchains/client';
import {
  findFreePort,
  type Recorder,
  startGateway,
  startRecorder,
  type TestGateway,
} from '@dockchains/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createWorkplace } from '../../apps/cli/test-io.ts';
import { pushImage } from '../faults/pusher.ts';
import { BUILD_MS, buildGoPrograms } from './go-clients.ts';
import { noteKeyOf } from './note-keys.ts';
import { type OtherWitness, startOtherWitness } from './other-witness.ts';
import { runProgram } from './programs.ts';

const ORIGIN = 'acme.example/ledger/public';
const KEY = noteKeyOf('witness.example/w1');

const cleanup = new AsyncDisposableStack();
let folder: string;
let programs: Awaited<ReturnType<typeof build>>;
let recorder: Recorder;
let gateway: TestGateway;
let logKeys: readonly string[];
let logKey: string;
let port: number;
let witness: OtherWitness | undefined;

const build = () => buildGoPrograms(folder, 'omniwitness', 'proof');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dockchains-witness-'));
  cleanup.defer(() => rm(folder, { recursive: true }));
  programs = await build();
  if (programs === undefined) return;
  recorder = await startRecorder();
  cleanup.defer(() => recorder.close());
  const policy = join(folder, 'policy');
  await writeFile(policy, `witness other ${KEY.cosignerKey} http://${recorder.host}\nquorum other\n`);
  gateway = await startGateway({ env: { DOCKCHAINS_WITNESS_POLICY: policy } });
  cleanup.defer(() => gateway.close());
  port = await findFreePort();
  const { logs } = await getOrganisation(fetch, gateway.url);
  logKeys = logs.map(({ verifierKey }) => verifierKey);
  logKey = logKeys.find((key) => key.startsWith(`${ORIGIN}+`)) ?? '';
  await mkdir(join(folder, 'w1'));
  await mkdir(join(folder, 'w2'));
}, BUILD_MS);
afterAll(async () => {
  await witness?.kill9();
  await cleanup.disposeAsync();
});

const startWitness = async (
  program: string,
  { name, logs }: { name: string; logs: readonly string[] },
): Promise<void> => {
  witness = await startOtherWitness({ program, folder: join(folder, name), port, key: KEY, logs });
  recorder.passTo(witness.host);
};

const push = async (tag: string): Promise<void> => {
  const token = await gateway.token(gateway.publisher, 'repository:public/app:pull,push');
  await pushImage(gateway.url, token, 'public/app', tag);
};

const sizeOf = async (name: string): Promise<number> => {
  const answer = await fetch(`${gateway.url}/log/public/${name}`);
  return answer.ok ? Number((await answer.text()).split('\n')[1]) : 0;
};

const reaches = (name: string, size: number): Promise<void> =>
  expect.poll(() => sizeOf(name), { timeout: 60_000, interval: 100 }).toBe(size);

test('a head is published once somebody else’s witness has cosigned it, and never before', async ({
  skip,
}) => {
  if (programs === undefined) return skip();
  await push('one');
  await reaches('signed', 2);

  const impostor = noteKeyOf(ORIGIN, 'another key');
  await startWitness(programs.omniwitness, { name: 'w2', logs: [impostor.verifierKey] });
  await expect.poll(() => witness?.logs(), { interval: 50 }).toContain('note has no verifiable signatures');
  expect(await sizeOf('checkpoint')).toBe(0);
  await witness?.kill9();

  await startWitness(programs.omniwitness, { name: 'w1', logs: logKeys });
  await reaches('checkpoint', 2);
  for (const tag of ['two', 'three']) await push(tag);
  await reaches('checkpoint', 6);
  expect(recorder.sent().toString('latin1')).toMatch(/^old 2$/m);
});

test('the published head and proofs under it carry a cosignature that its own verifier accepts', async ({
  skip,
}) => {
  if (programs === undefined) return skip();
  const proof = join(folder, 'by-them.tlog-proof');
  const url = `${gateway.url}/log/public/`;
  await writeFile(proof, await runProgram(programs.proof, ['prove', '-log', logKey, '-index', '3', url]));
  const verify = (path: string, witnessKey: string): Promise<string> =>
    runProgram(programs?.proof ?? '', ['verify', '-log', logKey, '-witness', witnessKey, path]);
  expect(await verify(proof, KEY.cosignerKey)).toMatch(/^ok index=3 size=6 cosigned=1 /);

  const place = await createWorkplace();
  cleanup.defer(() => place.remove());
  place.io.fetch = globalThis.fetch;
  await place.run('login', gateway.host);
  const ours = join(folder, 'by-us.tlog-proof');
  expect(await place.run('prove', `${gateway.host}/public/app:two`, '-o', ours)).toMatchObject({
    exitCode: 0,
  });
  expect(await verify(ours, KEY.cosignerKey)).toMatch(/^ok index=3 size=6 cosigned=1 /);

  await expect(verify(ours, noteKeyOf(KEY.name, 'another key').cosignerKey)).rejects.toThrow(
    '0 of 1 witnesses cosigned',
  );
  const text = await readFile(ours, 'utf8');
  const forged = join(folder, 'forged.tlog-proof');
  await writeFile(forged, text.replace(/^index 3$/m, 'index 2'));
  await expect(verify(forged, KEY.cosignerKey)).rejects.toThrow('exit code 1');
});

test('a gateway that has forgotten what was cosigned goes on from the size that the witness names', async ({
  skip,
}) => {
  if (programs === undefined) return skip();
  await gateway.kill9();
  await witness?.kill9();
  await startWitness(programs.omniwitness, { name: 'w1', logs: logKeys });
  const before = recorder.answered().length;
  await gateway.restart();
  await push('four');
  await reaches('checkpoint', 8);
  const answered = recorder.answered().subarray(before).toString('latin1');
  expect(answered).toMatch(/HTTP\/1\.1 409 [\s\S]*?text\/x\.tlog\.size[\s\S]*?\r\n\r\n6\n/);
});
