// Where nats-server is, and how it comes to be there: by the system's package manager, or unpacked for this clone alone.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { toolsFolder } from './federation.mjs';
import { step, warn } from './steps.mjs';
import { runQuietly, toolEnvironment } from './toolchain.mjs';

const downloadTimeoutMs = 120_000;
const unpacked = join(toolsFolder, 'usr', 'sbin');

/** The path of nats-server, installed if need be; undefined, after a line that says what to do, where that fails. */
export async function ensureNatsServer() {
  const found = findNatsServer();
  if (found) return found;
  // What a package manager answers is nothing that somebody here can use: what counts is that the program is there then.
  await step('NATS server', async () => {
    await install().catch(() => undefined);
    return findNatsServer() ? 'installed from the package nats-server' : 'not found';
  });
  const installed = findNatsServer();
  if (!installed) {
    warn(
      'Without NATS everything goes over HTTP, a little later. To have it: apt-get install nats-server (or brew install nats-server), then run the same command again.',
    );
  }
  return installed;
}

function findNatsServer() {
  const onPath = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder.startsWith('/'));
  return [...onPath, '/usr/sbin', '/usr/local/sbin', '/usr/local/bin', unpacked]
    .map((folder) => join(folder, 'nats-server'))
    .find((path) => existsSync(path));
}

async function install() {
  if (process.platform !== 'linux') return;
  if (process.getuid() === 0) await installAsRoot();
  if (!findNatsServer()) await unpack();
}

// The lists of packages are missing in many containers, and old on many machines.
async function installAsRoot() {
  const packages = ['install', '-y', '--no-install-recommends', 'nats-server'];
  if (await run('apt-get', packages)) return;
  if (await run('apt-get', ['update'])) await run('apt-get', packages);
}

async function unpack() {
  mkdirSync(toolsFolder, { recursive: true });
  const folder = mkdtempSync(join(toolsFolder, 'download-'));
  try {
    if (!(await run('apt-get', ['download', 'nats-server'], folder))) return;
    const [archive] = readdirSync(folder);
    if (archive) await run('dpkg', ['-x', join(folder, archive), toolsFolder]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function run(command, args, cwd) {
  const env = toolEnvironment({ DEBIAN_FRONTEND: 'noninteractive' });
  const { code } = await runQuietly(command, args, { env, cwd, timeout: downloadTimeoutMs });
  return code === 0;
}
