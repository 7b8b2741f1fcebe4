import { hashOrigin } from '@dockchains/federation';
import { buildImage, makePeers, startGateway, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { openSession, pushBlobs, putManifest, type Session } from '../registry-http.ts';

const MIRROR = `/mirror/${hashOrigin('acme.example/ledger/public')}`;

const cleanup = new AsyncDisposableStack();
let acme: TestGateway;
let globex: TestGateway;
let session: Session;

beforeAll(async () => {
  const env = { DOCKCHAINS_ACK: 'replicated' };
  [acme, globex] = await Promise.all([
    startGateway({ env }),
    startGateway({ organisation: 'globex.example' }),
  ]);
  cleanup.defer(() => globex.close());
  cleanup.defer(() => acme.close());
  await makePeers(acme, globex);
  session = await openSession(acme, 'public/app');
});
afterAll(() => cleanup.disposeAsync());

const image = buildImage({ layers: [] });

const sizeOf = async (url: string): Promise<number> =>
  Number((await (await fetch(url)).text()).split('\n')[1]);

/** The first entries that globex holds of acme's ledger, as it serves them on. */
const entriesAtGlobex = async (): Promise<string> => {
  const size = await sizeOf(`${globex.url}${MIRROR}/signed`);
  return (await fetch(`${globex.url}${MIRROR}/tile/entries/000.p/${size}`)).text();
};

test('with DOCKCHAINS_ACK=replicated a push is answered when a peer holds its records', async () => {
  await pushBlobs(session, image);
  const pushed = await putManifest(session, '1.0', image);
  expect(pushed.status).toBe(201);
  expect(await entriesAtGlobex()).toContain(pushed.headers.get('dockchains-record'));
});

test('and not before: it waits while the peer is away, and so does a deletion', async () => {
  const signed = `${acme.url}/log/public/signed`;
  const before = await sizeOf(signed);
  await globex.stop();
  let answered = 0;
  const waiting = putManifest(session, '2.0', image).finally(() => (answered += 1));
  await expect.poll(() => sizeOf(signed), { interval: 20 }).toBe(before + 1);
  const deleting = session.call('/manifests/1.0', { method: 'DELETE' }).finally(() => (answered += 1));
  await expect.poll(async () => (await session.call('/manifests/1.0')).status, { interval: 20 }).toBe(404);
  expect(answered).toBe(0);

  await globex.restart();
  const pushed = await waiting;
  expect(pushed.status).toBe(201);
  expect((await deleting).status).toBe(202);
  const entries = await entriesAtGlobex();
  expect(entries).toContain(pushed.headers.get('dockchains-record'));
  expect(entries).toContain('tag-deleted');
});
