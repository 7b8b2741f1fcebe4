import { auditLog, getOrganisation, openHttpLog } from '@dockchains/client';
import { hashOrigin } from '@dockchains/federation';
import { makePeers, startGateway, type TestGateway } from '@dockchains/testing';
import { parsePolicy } from '@dockchains/tlog';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Workplace } from '../../apps/cli/test-io.ts';
import { pushImage } from '../faults/pusher.ts';
import { openWorkplace } from '../workplace.ts';

const HASH = hashOrigin('acme.example/ledger/public');

const cleanup = new AsyncDisposableStack();
let acme: TestGateway;
let globex: TestGateway;
let place: Workplace;

beforeAll(async () => {
  [acme, globex] = await Promise.all([startGateway(), startGateway({ organisation: 'globex.example' })]);
  cleanup.defer(() => globex.close());
  cleanup.defer(() => acme.close());
  await makePeers(acme, globex);
  place = await openWorkplace(acme, globex);
  cleanup.defer(() => place.remove());
});
afterAll(() => cleanup.disposeAsync());

const push = async (tag: string): Promise<void> => {
  const token = await acme.token(acme.publisher, 'repository:public/app:pull,push');
  await pushImage(acme.url, token, 'public/app', tag);
};

const sizeAt = async (url: string): Promise<number> => {
  const response = await fetch(url);
  return response.ok ? Number((await response.text()).split('\n')[1]) : -1;
};

test('a push at acme is in the mirror at globex, whole and cosigned, also while acme is away', async () => {
  await push('one');
  const published = `${acme.url}/log/public/checkpoint`;
  const mirror = `${globex.url}/mirror/${HASH}`;
  await expect
    .poll(async () => (await sizeAt(`${mirror}/checkpoint`)) - (await sizeAt(published)), { interval: 100 })
    .toBe(0);
  await expect.poll(() => sizeAt(published), { interval: 100 }).toBeGreaterThan(1);
  const { logs } = await getOrganisation(fetch, acme.url);
  const logKey = logs.find(({ origin }) => origin.endsWith('/public'))?.verifierKey ?? '';

  await acme.stop();
  const audited = await auditLog({
    reader: openHttpLog(fetch, mirror),
    policy: parsePolicy(`log ${logKey}\nquorum none\n`),
  });
  expect(audited).toMatchObject({ status: 'good' });
  expect(await (await fetch(`${mirror}/signed`)).text()).toContain('— globex.example/mirror ');
  await acme.restart();
});

test('L9: nothing that changes or is not there is said to be final, of a log and of a mirror of it', async () => {
  const cachingOf = async (url: string): Promise<[number, string | null]> => {
    const { status, headers } = await fetch(url);
    return [status, headers.get('cache-control')];
  };
  const log = `${acme.url}/log/public`;
  for (const root of [log, `${globex.url}/mirror/${HASH}`]) {
    for (const note of ['checkpoint', 'signed']) {
      expect(await cachingOf(`${root}/${note}`)).toEqual([200, 'no-cache']);
    }
    expect(await cachingOf(`${root}/tile/0/000.p/1`)).toEqual([200, 'public, max-age=31536000, immutable']);
    for (const path of ['tile/0/000', 'tile/entries/000', 'tile/1/000.p/1', 'tile/0/000.p/0', 'nothing']) {
      expect([path, ...(await cachingOf(`${root}/${path}`))]).toEqual([path, 404, 'no-store']);
    }
  }
});

test('what is no file of a mirror is not there, and is not cached', async () => {
  for (const path of [`${HASH}/tile/0/999`, `${'0'.repeat(64)}/checkpoint`, 'x/checkpoint', `${HASH}/../x`]) {
    const { status } = await fetch(`${globex.url}/mirror/${path}`);
    expect({ path, status }).toEqual({ path, status: 404 });
  }
  const missing = await fetch(`${globex.url}/mirror/${HASH}/tile/entries/777`);
  expect(missing.headers.get('cache-control')).toBe('no-store');
  expect((await fetch(`${globex.url}/federation/equivocations/${HASH}`)).status).toBe(404);
});

test('cosignatures that say nothing are refused', async () => {
  const post = async (body: string): Promise<number> =>
    (await fetch(`${acme.url}/federation/cosigned`, { method: 'POST', body })).status;
  expect(await post('nonsense')).toBe(400);
  expect(await post(`nobody.example/ledger/public\n3\n\n— x ${'A'.repeat(8)}\n`)).toBe(404);
  expect(await post('x'.repeat(20_000))).toBe(413);
});
