// Where the tools are, and how the bootstrap runs them: always under the pinned Node once it is installed.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Refusal } from './steps.mjs';

/** The clone's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A path inside the clone. */
export const inRoot = (...parts) => join(root, ...parts);

const minimumMajor = 20;
const pinnedMajor = 24;
const major = (version) => Number(version.replace(/^v/, '').split('.')[0]);

/** @throws {Refusal} when this machine cannot run the bootstrap at all. */
export function requireMachine() {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new Refusal(
      `Dockchains runs on Linux and macOS, not on ${process.platform}: use a Linux machine or WSL 2.`,
    );
  }
  if (major(process.version) < minimumMajor) {
    throw new Refusal(
      `Node.js ${process.version} is too old to begin: install Node.js ${minimumMajor} or newer from nodejs.org, then run the same command again.`,
    );
  }
}

/** The Node that runs everything of ours: the one in node_modules, else this one when it is new enough. */
export function getNode() {
  const pinned = inRoot('node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(pinned)) return pinned;
  if (major(process.version) >= pinnedMajor) return process.execPath;
  throw new Refusal(
    `No Node.js ${pinnedMajor} comes with Dockchains for ${process.platform} on ${process.arch}: install Node.js ${pinnedMajor} from nodejs.org, then run the same command again.`,
  );
}

/** The environment of programs we run: tools of node_modules first, nothing that phones home or colours a log. */
export function toolEnvironment(extra = {}) {
  return {
    ...process.env,
    PATH: `${inRoot('node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`,
    NX_DAEMON: 'false',
    NX_NO_CLOUD: 'true',
    NX_TUI: 'false',
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    ...extra,
  };
}

/** Runs a program in the clone with this terminal; gives its exit code, 128 and more when a signal ended it. */
export function runAttached(command, args, env = toolEnvironment()) {
  const child = spawn(command, args, { cwd: root, env, stdio: 'inherit' });
  // Ctrl-C reaches the child by itself: this process only waits for it. A plain kill is passed on.
  const ignore = () => undefined;
  const pass = () => child.kill('SIGTERM');
  process.on('SIGINT', ignore).on('SIGTERM', pass);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ? 128 : (code ?? 1)));
  }).finally(() => process.off('SIGINT', ignore).off('SIGTERM', pass));
}

/** Runs a program in the clone, or another folder, and collects what it prints, at most its last 64 KiB. */
export function runQuietly(command, args, { env = toolEnvironment(), input = '', cwd = root, timeout } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, timeout, stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk) => {
      output = (output + chunk).slice(-65_536);
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.stdin.on('error', () => undefined); // a program that ends without reading says so by its exit code
    child.stdin.end(input);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
