import type { TestAccount, TestGateway } from '@dockchains/testing';
import { getIntrospectionQuery } from 'graphql';

import type { Seen } from './search.ts';
import type { PrivateUse } from './use.ts';

const ENTRIES = `entries(first: 100) { nodes { id kind index state entry statement proof } }`;
const LEDGER = `origin verifierKey size publishedSize queued frozen checkpoint ${ENTRIES}`;
const QUERIES = {
  introspection: getIntrospectionQuery(),
  repositories: `{ viewer { username } repositories(first: 100) { nodes { name tags(first: 10) { nodes { name digest } } } } }`,
  public: `{ ledger(origin: "acme.example/ledger/public") { ${LEDGER} } }`,
  private: `{ ledger(origin: "acme.example/ledger/private") { ${LEDGER} } }`,
  service: '{ _service { sdl } }',
};

const PATHS = [
  '/v2/',
  '/v2/_catalog',
  '/v2/_catalog?n=1',
  '/v2/_oci/ext/discover',
  '/v2/somebody/elses/tags/list',
  `/v2/somebody/elses/blobs/sha256:${'0'.repeat(64)}`,
  '/v2/BAD/tags/list',
  '/token?scope=repository:**:pull',
  '/metrics',
  '/healthz',
  '/readyz',
  '/nothing',
  '/.well-known/dockchains/organisation.json',
  '/.well-known/dockchains/peers.json',
  '/federation/nats/globex.example',
];

/** The sizes that the checkpoints of the public and of the private ledger show to everybody. */
export async function readSizes({ url }: TestGateway): Promise<{ public: number; private: number }> {
  const [open = 0, sealed = 0] = await Promise.all(
    ['public', 'private'].map(async (name) => {
      const note = await (await fetch(`${url}/log/${name}/checkpoint`)).text();
      return Number(note.split('\n')[1]);
    }),
  );
  return { public: open, private: sealed };
}

/** Collects all that anybody, and somebody who is signed in without rights, can see of a gateway; and what it prints. */
export async function collectOutside({ gateway, collector, stranger }: PrivateUse): Promise<readonly Seen[]> {
  const sizes = await readSizes(gateway);
  const logs = (['public', 'private'] as const).flatMap((name) => {
    const tiles = [`0/000.p/${sizes[name]}`, `entries/000.p/${sizes[name]}`, `bodies/000.p/${sizes[name]}`];
    return ['checkpoint', 'signed', ...tiles.map((tile) => `tile/${tile}`)].map(
      (path) => `/log/${name}/${path}`,
    );
  });
  const seen: Seen[] = [];
  for (const account of [undefined, stranger]) {
    const who = account?.username ?? 'nobody';
    const headers = await headersOf(gateway, account);
    for (const path of [...PATHS, ...logs]) {
      seen.push(await see(`${path} to ${who}`, fetch(`${gateway.url}${path}`, { headers })));
    }
    for (const [name, query] of Object.entries(QUERIES)) {
      const init = { method: 'POST', body: JSON.stringify({ query }) };
      const answer = fetch(`${gateway.url}/graphql`, {
        ...init,
        headers: { ...headers, 'content-type': 'application/json' },
      });
      seen.push(await see(`GraphQL ${name} to ${who}`, answer));
    }
  }
  seen.push({ where: 'the log', bytes: Buffer.from(gateway.logs()) });
  seen.push({ where: 'the traces', bytes: collector.bytes() });
  return seen;
}

async function headersOf(
  gateway: TestGateway,
  account: TestAccount | undefined,
): Promise<Readonly<Record<string, string>>> {
  if (account === undefined) return {};
  const token = await gateway.token(account, 'repository:**:pull', 'registry:catalog:*');
  return { authorization: `Bearer ${token}` };
}

async function see(where: string, answer: Promise<Response>): Promise<Seen> {
  const response = await answer;
  const head = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  const body = Buffer.from(await response.arrayBuffer());
  return {
    where,
    bytes: Buffer.concat([Buffer.from(`${response.status}\n${head}\n`), body, decodedOf(body)]),
  };
}

/** What a JSON answer carries in base64 is searched as what it is, too. */
function decodedOf(body: Buffer): Buffer {
  const encoded = body.toString('latin1').match(/[A-Za-z0-9+/]{40,}={0,2}/g) ?? [];
  return Buffer.concat(encoded.map((text) => Buffer.from(text, 'base64')));
}
