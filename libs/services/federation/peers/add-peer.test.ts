import { type Database, openDatabase } from '@dockchains/database';
import { type CertificateKey, readKnownDescriptor, signDescriptor } from '@dockchains/identity';
import { createTestDatabase, type TestDatabase } from '@dockchains/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { makeCertificate, makeDescriptor } from '../../../formats/identity/testing/organisation.ts';
import { createPeers } from './create-peers.ts';
import type { Peers } from './peers.ts';

const PEER = 'globex.example';
const URL = 'https://registry.acme.example'; // whose addresses the descriptors name
const log = { info: () => undefined, warn: () => undefined };
const unused = (): Promise<never> => Promise.reject(new Error('unused'));

let place: TestDatabase;
let database: Database;
let peers: Peers;
/** What the peer's gateway shows, the last as the newest. */
let shown: string[];

beforeEach(async () => {
  place = await createTestDatabase();
  database = openDatabase(place.url);
  shown = [];
  const own = { fingerprint: 'A'.repeat(40), descriptor: makeDescriptor({ certificate: 'AAAA' }) };
  peers = createPeers({
    ...{ database, organisation: 'acme.example', clock: () => new Date(), log, insecure: false },
    own: {
      get: () => Promise.resolve({ ...own, hash: '', envelope: '' }),
      find: unused,
      findNewest: unused,
      renew: unused,
    },
    fetch: (input) => {
      const { pathname } = new globalThis.URL(input instanceof Request ? input.url : input);
      const number = /organisation\/([0-9]+)\.json$/.exec(pathname)?.[1];
      const body = number === undefined ? shown.at(-1) : shown[Number(number) - 1];
      const isThere = body !== undefined && pathname.includes('/organisation');
      return Promise.resolve(new Response(isThere ? body : 'none', { status: isThere ? 200 : 404 }));
    },
  });
});
afterEach(async () => {
  await peers.close();
  await database.close();
  await place.drop();
});

/** Shows the next descriptor, of a certificate and signed by these. */
async function show({ certificate }: CertificateKey, signers: readonly CertificateKey[]): Promise<void> {
  const before = shown.at(-1);
  const last =
    before === undefined ? makeDescriptor({ certificate }, PEER) : readKnownDescriptor(before, '').descriptor;
  const previous = before === undefined ? null : readKnownDescriptor(before, '').hash;
  shown.push(await signDescriptor({ ...last, number: shown.length + 1, previous, certificate }, signers));
}

test('a peer that replaced its certificate is added again by the one that is pinned, and by the new one from then on', async () => {
  const [former, next] = [await makeCertificate(PEER), await makeCertificate(PEER)];
  await show(former, [former]);
  expect(await peers.add({ url: URL, fingerprint: former.fingerprint })).toMatchObject({
    fingerprint: former.fingerprint,
  });
  await show(next, [former, next]);
  for (const { fingerprint } of [former, next, former]) {
    expect(await peers.add({ url: URL, fingerprint })).toMatchObject({
      fingerprint: next.fingerprint,
      descriptor: { number: 2 },
    });
  }
});

test('a certificate that the pinned one has not led to is refused, with what to do', async () => {
  const [pinned, other] = [await makeCertificate(PEER), await makeCertificate(PEER)];
  await show(pinned, [pinned]);
  await peers.add({ url: URL, fingerprint: pinned.fingerprint });
  shown = [];
  await show(other, [other]);
  await expect(peers.add({ url: URL, fingerprint: other.fingerprint })).rejects.toMatchObject({
    code: 'PEER_REFUSED',
    message: expect.stringContaining('remove it first') as string,
  });
  await expect(peers.add({ url: URL, fingerprint: pinned.fingerprint })).rejects.toMatchObject({
    code: 'PEER_REFUSED',
  });
  expect(await peers.find(PEER)).toMatchObject({ fingerprint: pinned.fingerprint });
});
