import {
  buildImage,
  type BuiltManifest,
  startFederation,
  type TestFederation,
  type TestGateway,
} from '@dockchains/testing';
import { parseNote } from '@dockchains/tlog';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { pushImage } from '../registry-http.ts';

const NAMES = ['acme.example', 'globex.example', 'initech.example'];

let federation: TestFederation;
let acme: TestGateway;
let peers: readonly TestGateway[];

beforeAll(async () => {
  federation = await startFederation(...NAMES);
  const [first, ...others] = federation.organisations.map(({ gateway }) => gateway);
  if (first === undefined) throw new Error('there is no organisation');
  [acme, peers] = [first, others];
});
afterAll(() => federation.close());

const push = (tag: string, image: BuiltManifest): Promise<void> =>
  pushImage(acme, { repository: 'public/app', tag }, image);

const signersOf = async (): Promise<readonly string[]> => {
  const note = await (await fetch(`${acme.url}/log/public/checkpoint`)).text();
  return parseNote(note).signatures.map(({ name }) => name);
};

const tagAt = async (gateway: TestGateway, tag: string): Promise<string | null> =>
  (await fetch(`${gateway.url}/v2/acme.example/public/app/manifests/${tag}`)).headers.get(
    'docker-content-digest',
  );

/** How many requests of a route a gateway has answered, by its metrics. */
const countRequests = async ({ url }: TestGateway, route: string): Promise<number> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text
    .split('\n')
    .filter((line) => line.includes('_count{') && line.includes(`route="${route}"`));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
};

const WAIT = { timeout: 60_000, interval: 50 };

test('a push is cosigned by both peers’ witnesses and mirrors, and can be pulled from both', async () => {
  const image = buildImage();
  await push('1.0', image);
  for (const peer of peers) {
    await expect.poll(() => tagAt(peer, '1.0'), WAIT).toBe(image.descriptor.digest);
  }
  const expected = NAMES.slice(1).flatMap((name) => [`${name}/witness`, `${name}/mirror`]);
  await expect
    .poll(async () => new Set(await signersOf()), WAIT)
    .toEqual(new Set([...expected, 'acme.example/ledger/public']));
});

test('once peers are connected, heads, entries and cosignatures go over NATS alone', async () => {
  // Whoever is connected is asked there: until then heads went over HTTP.
  const routes = ['/witness/add-checkpoint', '/federation/cosigned'];
  const countAll = async (): Promise<number> => {
    const gateways = [acme, ...peers];
    const counts = gateways.flatMap((gateway) => routes.map((route) => countRequests(gateway, route)));
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  };
  let number = 0;
  await expect
    .poll(
      async () => {
        const before = await countAll();
        const image = buildImage();
        const tag = `nats-${(number += 1)}`;
        await push(tag, image);
        for (const peer of peers) {
          await expect.poll(() => tagAt(peer, tag), WAIT).toBe(image.descriptor.digest);
        }
        return (await countAll()) - before;
      },
      { interval: 100 },
    )
    .toBe(0);
});

test('each peer shows how much it holds of the others’ ledgers', async () => {
  const image = buildImage();
  await push('shown', image);
  for (const peer of peers) {
    await expect.poll(() => tagAt(peer, 'shown'), WAIT).toBe(image.descriptor.digest);
    const held = async () => {
      const query = `{ peer(organisation: "acme.example") {
        state replica { origin held publishedSize checkedAt frozen equivocation } } }`;
      const response = await fetch(`${peer.url}/graphql`, {
        ...{ method: 'POST', body: JSON.stringify({ query }) },
        headers: { 'content-type': 'application/json' },
      });
      const { data } = (await response.json()) as { data: { peer: { state: string; replica: object } } };
      return data.peer;
    };
    const size = parseNote(await (await fetch(`${acme.url}/log/public/checkpoint`)).text()).text.split(
      '\n',
    )[1];
    await expect.poll(held, WAIT).toMatchObject({
      state: 'MUTUAL',
      replica: {
        ...{ origin: 'acme.example/ledger/public', held: size, publishedSize: size },
        ...{ frozen: null, equivocation: null, checkedAt: expect.any(String) as unknown },
      },
    });
  }
});
