import { cp, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { findMissing, runProgram, saySkipped } from './programs.ts';

/** Programs of others, or over others' code. */
const BUILDERS = {
  /** `go-tlog/`: audits a log with the Go project's own `note` and `tlog`. */
  audit: (folder: string) => fetchAndBuild(join(import.meta.dirname, 'go-tlog'), folder, '.'),
  /** `go-proof/`: makes and checks tlog-proofs with Tessera's client and transparency-dev's formats. */
  proof: (folder: string) => fetchAndBuild(join(import.meta.dirname, 'go-proof'), folder, '.'),
  /** Tessera's checker of tlog-tiles logs. */
  fsck: (folder: string) => install(folder, 'fsck'),
  /** Tessera's log in a folder, which asks witnesses before it publishes. */
  'posix-oneshot': (folder: string) => install(folder, 'examples/posix-oneshot'),
  /** transparency-dev's witness. */
  omniwitness: async (folder: string) =>
    fetchAndBuild(await copyWitness(folder), folder, `${WITNESS}/omniwitness`),
} as const satisfies Record<string, (folder: string) => Promise<string>>;

/** Name of a program that can be built. */
export type GoProgram = keyof typeof BUILDERS;

const TESSERA = 'github.com/transparency-dev/tessera/cmd';
const TESSERA_VERSION = 'v1.0.4';
const WITNESS = 'github.com/transparency-dev/witness/cmd';
const MERKLE = 'github.com/transparency-dev/merkle@v0.0.2';

/** For the hooks that build, in milliseconds: all of them took 4 minutes on two busy cores, once; Go keeps what it compiled. */
export const BUILD_MS = 600_000;

/** Builds programs into a folder and gives their paths; undefined, once a line has said why, where they can't be had. */
export async function buildGoPrograms<Name extends GoProgram>(
  folder: string,
  ...names: readonly Name[]
): Promise<Readonly<Record<Name, string>> | undefined> {
  const what = `others’ implementations (${names.join(', ')})`;
  if (saySkipped(what, findMissing('go'))) return undefined;
  const built: [Name, string][] = [];
  try {
    for (const name of names) built.push([name, await BUILDERS[name](folder)]);
  } catch (error) {
    if (!(error instanceof NotFetched)) throw error;
    saySkipped(what, `Go’s module proxy did not give them: ${error.message.trim()}`);
    return undefined;
  }
  return Object.fromEntries(built) as Record<Name, string>;
}

/** The sources, with merkle as the module proxy has it and what it lacks: `go-witness/merkle-addition/` says what that is. */
async function copyWitness(folder: string): Promise<string> {
  const own = join(import.meta.dirname, 'go-witness');
  const source = join(folder, 'witness');
  await mkdir(source);
  const fetched = await fetching(go(['mod', 'download', '-json', MERKLE], folder));
  const { Dir } = JSON.parse(fetched) as { readonly Dir: string };
  await runProgram('cp', ['-r', '--no-preserve=mode', Dir, join(source, 'merkle')]);
  await cp(join(own, 'merkle-addition'), join(source, 'merkle/proof'), { recursive: true });
  for (const name of ['go.mod', 'go.sum']) await cp(join(own, name), join(source, name));
  return source;
}

async function fetchAndBuild(source: string, folder: string, name: string): Promise<string> {
  await fetching(go(['list', '-deps', name], source));
  const program = join(folder, name === '.' ? basename(source) : basename(name));
  await go(['build', '-o', program, name], source);
  return program;
}

/** What is installed by module name is others' source alone: if it can't be compiled, it can't be had. */
async function install(folder: string, command: string): Promise<string> {
  await fetching(go(['install', `${TESSERA}/${command}@${TESSERA_VERSION}`], folder, { GOBIN: folder }));
  return join(folder, basename(command));
}

function go(args: readonly string[], cwd: string, more: NodeJS.ProcessEnv = {}): Promise<string> {
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off', ...more };
  return runProgram('go', args, { cwd, env, timeoutMs: BUILD_MS });
}

/** What can't be fetched is a machine's shortcoming, not ours. */
class NotFetched extends Error {}

async function fetching(work: Promise<string>): Promise<string> {
  try {
    return await work;
  } catch (cause) {
    const [, ...lines] = cause instanceof Error ? cause.message.split('\n') : [];
    throw new NotFetched(lines.findLast((line) => line.trim() !== '') ?? String(cause), { cause });
  }
}
