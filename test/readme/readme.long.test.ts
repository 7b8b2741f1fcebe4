import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { buildImage } from '@dockchains/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startDockerEngine, whyNoDockerEngine } from '../interop/docker-engine.ts';
import { writeOciLayout } from '../interop/oci-layout.ts';
import { findMissing, saySkipped } from '../interop/programs.ts';
import { type Clone, makeClone } from './clone.ts';
import { openShell, type Shell } from './shell.ts';
import { compareOutput, readWalkThrough, type WalkLine } from './walk-through.ts';

const README = join(import.meta.dirname, '../../README.md');
const HEADING = 'From a clone to a federation';
const COMMAND_MS = 300_000;
const PORT = /127\.0\.0\.1:(500[0-2])\b/g;
const NO_CLONE = findMissing('git', 'npm', 'bash', 'tar');
const NO_DOCKER = whyNoDockerEngine();
const NO_SKOPEO = findMissing('skopeo');

describe.skipIf(saySkipped('README’s walk-through', NO_CLONE))('README’s walk-through', () => {
  const cleanup = new AsyncDisposableStack();
  /** The ports that the gateways took, where others had README's. */
  const ports = new Map<string, string>();
  let clone: Clone;
  let shell: Shell;

  beforeAll(async () => {
    clone = await makeClone();
    cleanup.defer(() => clone.remove());
    const engine = NO_DOCKER === undefined ? await startDockerEngine() : undefined;
    if (engine !== undefined) cleanup.defer(() => engine.stop());
    shell = openShell({ cwd: clone.folder, env: { ...clone.env, ...engine?.env }, timeoutMs: COMMAND_MS });
    cleanup.defer(() => shell.close());
    const image = join(clone.folder, 'image');
    await mkdir(image);
    await writeOciLayout(image, buildImage({ layers: [] }), 'hello');
  });
  afterAll(async () => {
    await shell.run('npm run down -- --reset').catch((error: unknown) => {
      process.stderr.write(`The federation was not taken down: ${String(error)}\n`);
    });
    await cleanup.disposeAsync();
  }, COMMAND_MS);

  const withPorts = (text: string): string =>
    text.replaceAll(PORT, (_, port: string) => `127.0.0.1:${ports.get(port) ?? port}`);

  const walk = async ({ command, shown }: WalkLine): Promise<void> => {
    const printed = await shell.run(withPorts(command).replace('oci:FOLDER:NAME', 'oci:image:hello'));
    if (command.startsWith('npm run up -- --detach')) notePorts(ports, printed);
    try {
      compareOutput(shown.map(withPorts), printed);
    } catch (cause) {
      throw new Error(`${command}\nprinted:\n${printed}`, { cause });
    }
  };

  test('does what it says, line by line', async () => {
    const lines = readWalkThrough(await readFile(README, 'utf8'), HEADING);
    for (const line of inOrder(lines)) await walk(line);
  });

  test.each([
    { what: 'a command', command: 'npx dockchains search hello -r nobody.example', shown: [] },
    { what: 'an argument', command: 'npx dockchains verify acme.example/public/hello:9.9', shown: [] },
    { what: 'an output', command: 'npx dockchains search hello -r globex.example', shown: ['2 of 2'] },
  ])('would be found wrong if $what in it were', async ({ command, shown }) => {
    await expect(walk({ command, shown })).rejects.toThrow(command);
  });
});

/** Every line can be run where docker and skopeo are; where one is not, the other brings the image to acme. */
function inOrder(lines: readonly WalkLine[]): WalkLine[] {
  const isDocker = ({ command }: WalkLine): boolean => /\bdocker (?!s)/.test(command);
  const isSkopeo = ({ command }: WalkLine): boolean => /\bskopeo /.test(command);
  const rest = lines.filter((line) => !isDocker(line) && !isSkopeo(line));
  const skopeo = lines.filter(isSkopeo);
  for (const [what, reason] of [
    ['README’s lines with docker', NO_DOCKER],
    ['README’s lines with skopeo', NO_SKOPEO],
  ] as const) {
    saySkipped(what, reason);
  }
  if (NO_DOCKER === undefined)
    return NO_SKOPEO === undefined ? [...lines] : lines.filter((l) => !isSkopeo(l));
  if (NO_SKOPEO !== undefined) return rest.slice(0, 1);
  return [...rest.slice(0, 1), ...skopeo, ...rest.slice(1)];
}

/** Reads the table that `npm run up` ends with. */
function notePorts(ports: Map<string, string>, printed: string): void {
  const taken = [...printed.matchAll(/^ +\w+\.example +127\.0\.0\.1:(\d+) /gm)].map(([, port = '']) => port);
  if (taken.length !== 3) throw new Error(`The table of gateways has ${taken.length} lines:\n${printed}`);
  taken.forEach((port, index) => ports.set(String(5000 + index), port));
}
