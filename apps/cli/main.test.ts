import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';

import { type BuiltLog, buildLog, type FileServer, flipBit, serveFiles } from '@dockchains/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createWorkplace, type Workplace } from './test-io.ts';

const ENTRY = join(import.meta.dirname, 'dockchains.mjs');
const REFERENCE = 'acme.example/public/app:5';

let place: Workplace;
let log: BuiltLog;
let server: FileServer;

beforeAll(async () => {
  place = await createWorkplace();
  log = await buildLog({ size: 600 });
  server = await serveFiles(log.files);
  await writeFile(join(place.folder, 'policy'), log.policy);
  await writeFile(join(place.folder, 'app.tlog-proof'), await log.prove(5));
});
afterAll(async () => {
  await server.close();
  await place.remove();
});

/** Runs the command as a shell would. */
async function command(argv: readonly string[], node = process.execPath) {
  const child = spawn(node, [ENTRY, ...argv], {
    cwd: place.folder,
    env: { PATH: process.env.PATH, HOME: place.folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { exitCode: child.exitCode, stdout, stderr };
}

const verify = (reference: string) => [
  'verify',
  reference,
  '--bundle',
  'app.tlog-proof',
  '--policy',
  'policy',
];

test.each([
  { name: 'a bundle that verifies', argv: verify(REFERENCE), exitCode: 0 },
  { name: 'help', argv: ['audit', '--help'], exitCode: 0 },
  { name: 'a bundle about something else', argv: verify('acme.example/public/app:6'), exitCode: 1 },
  { name: 'a command that does not exist', argv: ['bogus'], exitCode: 2 },
  { name: 'a gateway that does not answer', argv: ['inspect', '127.0.0.1:1/public/app:5'], exitCode: 3 },
])('ends with $exitCode for $name', async ({ argv, exitCode }) => {
  expect((await command(argv)).exitCode).toBe(exitCode);
});

describe('audit', () => {
  test('passes over HTTP, keeps its state, and goes on from it', async () => {
    const argv = ['audit', server.url, '--policy', 'policy', '--state', 'acme.audit', '--json'];
    const first = await command(argv);
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(first.stdout)).toMatchObject({ good: true, size: '600', audited: '600' });
    const second = await command(argv);
    expect(JSON.parse(second.stdout)).toMatchObject({ good: true, size: '600', audited: '88' });
  });

  test('fails with the first bad file, and the byte in it', async () => {
    flipBit(log, 'tile/0/001', { byte: 77, bit: 3 });
    const { exitCode, stdout } = await command(['audit', server.url, '--policy', 'policy', '--json']);
    flipBit(log, 'tile/0/001', { byte: 77, bit: 3 });
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ good: false, error: { path: 'tile/0/001', byteOffset: 77 } });
  });
});

const oldNode = findOldNode();

test.skipIf(oldNode === undefined)(
  'runs itself under the pinned Node where an older one starts it',
  async () => {
    const { exitCode, stdout } = await command(verify(REFERENCE), oldNode);
    expect(stdout).toContain('Verified');
    expect(exitCode).toBe(0);
    expect((await command(['bogus'], oldNode)).exitCode).toBe(2);
  },
);

/** A Node on this machine that can't read TypeScript by itself. */
function findOldNode(): string | undefined {
  const candidates = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  return candidates.find((candidate) => {
    const { stdout } = spawnSync(candidate, ['-p', 'process.versions.node'], { encoding: 'utf8' });
    return typeof stdout === 'string' && stdout !== '' && Number(stdout.split('.')[0]) < 24;
  });
}
