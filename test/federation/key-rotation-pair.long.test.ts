import { getOrganisation } from '@dockchains/client';
import {
  buildImage,
  type GatewayPair,
  runGateway,
  startGateway,
  startGatewayPair,
  type TestGateway,
  makePeers,
} from '@dockchains/testing';
import { parseNote } from '@dockchains/tlog';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { askOperator, awaitAgreement } from '../faults/pair.ts';
import { push } from '../graphql/session.ts';

const ROLES = 'log-public log-private witness mirror message receipt sealing openpgp'.split(' ');

let pair: GatewayPair;
let globex: TestGateway;

beforeAll(async () => {
  pair = await startGatewayPair();
  globex = await startGateway({ organisation: 'globex.example' });
  await makePeers(pair.first, globex);
  const rule = 'mutation { setNamespaceRule(pattern: "team/**", visibility: PRIVATE) { pattern } }';
  await askOperator(pair.first, rule);
});
afterAll(async () => {
  await globex.close();
  await pair.close();
});

test('while the gateways of an organisation restart in turn with new keys, each push at the other one is taken, published and cosigned', async () => {
  await pushBoth(pair.first, 'before');
  await runGateway(pair.first, 'rotate-key', ...ROLES);
  for (const [restarting, serving] of [
    [pair.first, pair.second],
    [pair.second, pair.first],
  ] as const) {
    const pushing = pushOn(serving, `at-${serving.pid}`);
    await restarting.stop();
    await restarting.restart();
    expect(await pushing.stop()).toBeGreaterThan(0);
    // Both serve, whichever of them has which key.
    for (const gateway of [pair.first, pair.second]) await pushBoth(gateway, `${serving.pid}-${gateway.pid}`);
  }
  await awaitAgreement(pair.first, globex);
  const note = parseNote(await (await fetch(`${pair.first.url}/log/public/checkpoint`)).text());
  expect(note.signatures.map(({ name }) => name)).toContain('globex.example/witness');
  const { descriptor } = await getOrganisation(fetch, pair.second.url);
  expect(descriptor.formerKeys.map(({ role }) => role).toSorted()).toEqual(ROLES.toSorted());
  // Of each key there is one scope: gateways with and without the new key do not end each other's.
  const kinds = await readPrivateKinds(pair.second);
  expect(kinds.filter((kind) => kind === 'scope-opened')).toHaveLength(2);
});

type Page = {
  readonly ledger: {
    readonly entries: {
      readonly nodes: readonly { readonly kind: string }[];
      readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
    };
  };
};

/** The kinds of all records in the private ledger, in their order. */
async function readPrivateKinds(gateway: TestGateway): Promise<string[]> {
  const kinds: string[] = [];
  let after = '';
  for (let isMore = true; isMore;) {
    const { ledger } = await askOperator<Page>(
      gateway,
      `{ ledger(origin: "acme.example/ledger/private") {
           entries(first: 100${after}) { nodes { kind } pageInfo { hasNextPage endCursor } } } }`,
    );
    const { nodes, pageInfo } = ledger.entries;
    kinds.push(...nodes.map(({ kind }) => kind));
    isMore = pageInfo.hasNextPage;
    after = `, after: "${pageInfo.endCursor}"`;
  }
  return kinds;
}

async function pushBoth(gateway: TestGateway, tag: string): Promise<void> {
  const image = buildImage();
  await push(gateway, image, { repository: 'public/app', tag });
  await push(gateway, image, { repository: 'team/app', tag });
}

/** Pushes to one gateway, one push after the other, until it is told to stop; gives how many there were. */
function pushOn(gateway: TestGateway, name: string): { stop(): Promise<number> } {
  const stop = new AbortController();
  const run = async (): Promise<number> => {
    let count = 0;
    for (; !stop.signal.aborted; count += 1) await pushBoth(gateway, `${name}-${count}`);
    return count;
  };
  const running = run();
  return {
    stop: () => {
      stop.abort();
      return running;
    },
  };
}
