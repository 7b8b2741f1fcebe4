import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { addPeer, openSession } from '@dockchains/client';
import { hashOrigin } from '@dockchains/federation';
import { makePeers, startGateway, type TestGateway } from '@dockchains/testing';
import {
  createNoteSigner,
  encodeAddCheckpoint,
  parseCheckpoint,
  parseNote,
  parseOrigin,
  signCheckpoint,
} from '@dockchains/tlog';
import { afterAll, beforeAll, describe, expect, type ExpectStatic, test } from 'vitest';

import { createWorkplace, type Workplace } from '../../apps/cli/test-io.ts';
import { pushImage } from '../faults/pusher.ts';
import { type MaliciousOrigin, startMaliciousOrigin } from './malicious-origin.ts';
import { undecidedAt } from './undecided.ts';

// What the contract allows: the exchange comes each 5 s on either side. It holds where the gateways have the machine for themselves.
const FOUND_WITHIN_MS = 10_000;

const cleanup = new AsyncDisposableStack();
let globex: TestGateway;
let initech: TestGateway;
let place: Workplace;

beforeAll(async () => {
  [globex, initech, place] = await Promise.all([
    startGateway({ organisation: 'globex.example' }),
    startGateway({ organisation: 'initech.example' }),
    createWorkplace(),
  ]);
  cleanup.defer(() => place.remove());
  cleanup.defer(() => globex.close());
  cleanup.defer(() => initech.close());
  await makePeers(globex, initech);
});
afterAll(() => cleanup.disposeAsync());

/** A malicious organisation of which globex sees one history and initech the other. */
async function startMallory(organisation: string): Promise<MaliciousOrigin> {
  const mallory = await startMaliciousOrigin(organisation);
  cleanup.defer(() => mallory.close());
  const { fingerprint, views } = mallory;
  for (const [gateway, { web }] of [
    [globex, views[0]],
    [initech, views[1]],
  ] as const) {
    const session = openSession({ fetch, url: gateway.url, credentials: gateway.operator });
    await addPeer(session, { url: web.url, fingerprint });
  }
  return mallory;
}

const noteSize = async (url: string): Promise<number> => {
  const response = await fetch(url);
  return response.ok ? Number((await response.text()).split('\n')[1]) : -1;
};

const proofAt = async (gateway: TestGateway, origin: string): Promise<string | undefined> => {
  const response = await fetch(`${gateway.url}/federation/equivocations/${hashOrigin(origin)}`);
  return response.ok ? response.text() : undefined;
};

/** Waits until both have proven it and frozen it, and gives the time that took in milliseconds. */
async function awaitFound(expect: ExpectStatic, origin: string): Promise<number> {
  const begin = performance.now();
  for (const gateway of [globex, initech]) {
    await expect
      .poll(() => proofAt(gateway, origin), { interval: 50 })
      .toContain('dockchains.org/equivocation@v1');
  }
  return performance.now() - begin;
}

/** What GraphQL says of the replica of this organisation. */
async function replicaAt(gateway: TestGateway, organisation: string): Promise<unknown> {
  const query = `{ peer(organisation: "${organisation}") { replica { frozen equivocation } } }`;
  const response = await fetch(`${gateway.url}/graphql`, {
    ...{ method: 'POST', body: JSON.stringify({ query }) },
    headers: { 'content-type': 'application/json' },
  });
  const { data } = (await response.json()) as { data: { peer: { replica: unknown } } };
  return data.peer.replica;
}

/** Verifies the proof with the command line, which has no network here and is given the file and the keys alone. */
async function auditAlone({ policy, organisation }: MaliciousOrigin, proof: string | undefined) {
  const [proofFile, policyFile] = ['proof', 'policy'].map((name) =>
    join(place.folder, `${organisation}.${name}`),
  );
  if (proofFile === undefined || policyFile === undefined) throw new Error('There are no files.');
  await writeFile(proofFile, proof ?? '');
  await writeFile(policyFile, policy);
  const { exitCode, stdout } = await place.run(
    ...['audit', '--proof', proofFile, '--policy', policyFile, '--json'],
  );
  return { exitCode, said: JSON.parse(stdout) as unknown };
}

describe.concurrent(
  'L1: a split view by a malicious gateway, of which each peer sees one consistent half,',
  () => {
    test.for([
      { name: 'of one size', organisation: 'mallory.example', sizes: [9, 9] },
      { name: 'of two sizes without consistency', organisation: 'trudy.example', sizes: [5, 700] },
    ] as const)(
      '$name is found within 10 s of their exchange, and proven to everybody',
      async ({ organisation, sizes }, { expect }) => {
        const origin = `${organisation}/ledger/public`;
        const mallory = await startMallory(organisation);
        await Promise.all(mallory.views.map((view, at) => view.show(sizes[at] ?? 0)));
        for (const [gateway, size] of [
          [globex, sizes[0]],
          [initech, sizes[1]],
        ] as const) {
          const signed = `${gateway.url}/mirror/${hashOrigin(origin)}/signed`;
          await expect.poll(() => noteSize(signed), { interval: 20 }).toBe(size);
        }
        expect(await awaitFound(expect, origin)).toBeLessThan(FOUND_WITHIN_MS);

        for (const gateway of [globex, initech]) {
          const proof = await proofAt(gateway, origin);
          await expect
            .poll(() => replicaAt(gateway, organisation), { interval: 50 })
            .toEqual({ frozen: expect.stringContaining('two histories') as unknown, equivocation: proof });
          expect(await auditAlone(mallory, proof)).toMatchObject({
            exitCode: 0,
            said: {
              proven: true,
              origin,
              older: { size: `${Math.min(...sizes)}` },
              newer: { size: `${Math.max(...sizes)}` },
            },
          });
        }
        // Frozen: nothing more is taken in or cosigned.
        await mallory.views[0].show(sizes[0] + 1);
        expect(await mallory.views[0].submit(`${globex.url}/witness`, 'public', 0, 3)).toBe(403);
        expect(await noteSize(`${globex.url}/mirror/${hashOrigin(origin)}/signed`)).toBe(sizes[0]);
      },
    );

    test.for(['public', 'private'] as const)(
      'that it had their witnesses cosign of its %s ledger is found within 10 s',
      async (ledger, { expect }) => {
        const organisation = `${ledger}.witnessed.example`;
        const origin = `${organisation}/ledger/${ledger}`;
        const mallory = await startMallory(organisation);
        expect(await mallory.views[0].submit(`${globex.url}/witness`, ledger, 0, 6)).toBe(200);
        expect(await mallory.views[1].submit(`${initech.url}/witness`, ledger, 0, 6)).toBe(200);
        expect(await awaitFound(expect, origin)).toBeLessThan(FOUND_WITHIN_MS);
        for (const gateway of [globex, initech]) {
          expect(await auditAlone(mallory, await proofAt(gateway, origin))).toMatchObject({
            exitCode: 0,
            said: { proven: true, origin, older: { size: '6' }, newer: { size: '6' } },
          });
        }
        expect(await mallory.views[0].submit(`${globex.url}/witness`, ledger, 6, 8)).toBe(403);
        expect(
          mallory.views
            .flatMap(({ web }) => web.requests)
            .filter((path) => path.includes('/log/private/tile')),
        ).toEqual([]);
      },
    );
    test('of a private ledger, of two sizes, is unexplained within 10 s, and proven once either history is told to anybody', async ({
      expect,
    }) => {
      const organisation = 'sizes.example';
      const origin = `${organisation}/ledger/private`;
      const mallory = await startMallory(organisation);
      const [left, right] = mallory.views;
      expect(await left.submit(`${globex.url}/witness`, 'private', 0, 6)).toBe(200);
      expect(await right.submit(`${initech.url}/witness`, 'private', 0, 9)).toBe(200);
      const begin = performance.now();
      for (const [gateway, sizes, by] of [
        [globex, { heldSize: '6', shownSize: '9' }, 'initech.example'],
        [initech, { heldSize: '9', shownSize: '6' }, 'globex.example'],
      ] as const) {
        await expect
          .poll(() => undecidedAt(gateway, origin), { interval: 50 })
          .toEqual([
            {
              ...{ origin, ...sizes, shownBy: by, isUnexplained: true, isWithheld: true },
              answer: 'it answered with status 404',
            },
          ]);
      }
      expect(performance.now() - begin).toBeLessThan(FOUND_WITHIN_MS);

      // Nothing more is cosigned; what is kept says what it is, and that it is no proof.
      expect(await left.submit(`${globex.url}/witness`, 'private', 6, 7)).toBe(503);
      expect(await right.submit(`${initech.url}/witness`, 'private', 9, 11)).toBe(503);
      const file = await (await fetch(`${globex.url}/federation/unexplained/${hashOrigin(origin)}`)).text();
      expect(await auditAlone(mallory, file)).toMatchObject({
        exitCode: 1,
        said: { proven: false, origin, older: { size: '6' }, newer: { size: '9' } },
      });
      expect(await proofAt(globex, origin)).toBeUndefined();

      // It tells one of them what is true of the other's history: that is a confession, and everybody gets it.
      const confession = await right.explanation(6, 9);
      left.web.tamper = (path) => (path.includes('/consistency/') ? confession : undefined);
      expect(await awaitFound(expect, origin)).toBeLessThan(2 * FOUND_WITHIN_MS);
      for (const gateway of [globex, initech]) {
        expect(await auditAlone(mallory, await proofAt(gateway, origin))).toMatchObject({
          exitCode: 0,
          said: { proven: true, origin, older: { size: '6' }, newer: { size: '9' } },
        });
      }
      expect(await left.submit(`${globex.url}/witness`, 'private', 6, 7)).toBe(403);
    });
  },
);

describe('L1: our own log key, with which somebody else signs another history,', () => {
  const origin = parseOrigin('globex.example/ledger/public');
  const push = async (tag: string): Promise<void> => {
    const token = await globex.token(globex.publisher, 'repository:public/app:pull,push');
    await pushImage(globex.url, token, 'public/app', tag);
  };
  const tryPush = async (): Promise<{ status: number; retryAfter: string | null }> => {
    const authorization = `Bearer ${await globex.token(globex.publisher, 'repository:public/app:pull,push')}`;
    const { status, headers } = await fetch(`${globex.url}/v2/public/app/manifests/two`, {
      ...{ method: 'PUT', body: await (await fetch(`${globex.url}/v2/public/app/manifests/one`)).text() },
      headers: { authorization, 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
    });
    return { status, retryAfter: headers.get('retry-after') };
  };
  const readyz = async (): Promise<unknown> => (await fetch(`${globex.url}/readyz`)).json();
  /** Asks initech's witness to cosign another root at the size that it cosigned last. */
  const forge = async (privateKey: KeyObject): Promise<number> => {
    const checkpoint = `${initech.url}/witness/${hashOrigin(origin)}/checkpoint`;
    await expect.poll(() => noteSize(checkpoint), { interval: 50 }).toBeGreaterThan(0);
    const { size } = parseCheckpoint(parseNote(await (await fetch(checkpoint)).text()).text);
    const note = signCheckpoint(
      { origin, size, root: new Uint8Array(32).fill(7) },
      createNoteSigner({ name: origin, privateKey }),
    );
    const body = encodeAddCheckpoint({ oldSize: size, proof: [], note });
    return (await fetch(`${initech.url}/witness/add-checkpoint`, { method: 'POST', body })).status;
  };

  test('freezes our ledger, over restarts as well, as soon as a peer proves it, and no key that is not ours does', async () => {
    await push('one');
    expect(await forge(generateKeyPairSync('ed25519').privateKey)).toBe(403);
    expect(await proofAt(initech, origin)).toBeUndefined();

    expect(await forge(createPrivateKey(await readFile(join(globex.dataDir, 'keys/log-public.pem'))))).toBe(
      422,
    );
    expect(await proofAt(initech, origin)).toBeDefined();
    const begin = performance.now();
    const frozen = {
      ...{ status: 'frozen', ledger: 'public' },
      reason: expect.stringContaining('signed two histories') as unknown,
    };
    await expect.poll(readyz, { interval: 50 }).toEqual(frozen);
    expect(performance.now() - begin).toBeLessThan(FOUND_WITHIN_MS);

    const published = await (await fetch(`${globex.url}/log/public/checkpoint`)).text();
    expect(await tryPush()).toEqual({ status: 503, retryAfter: '5' });
    expect((await fetch(`${globex.url}/v2/public/app/manifests/one`)).status).toBe(200);
    await globex.stop();
    await globex.restart();
    expect(await readyz()).toEqual(frozen);
    expect(await tryPush()).toEqual({ status: 503, retryAfter: '5' });
    expect((await fetch(`${globex.url}/v2/public/app/manifests/one`)).status).toBe(200);
    expect(await (await fetch(`${globex.url}/log/public/checkpoint`)).text()).toBe(published);
  });
});
