import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { followOrganisation, getOrganisation, type Organisation } from '@dockchains/client';
import { sealingPanelId } from '@dockchains/escrow';
import { parseRecord } from '@dockchains/records';
import {
  addPeer,
  buildImage,
  runGateway,
  startFederation,
  type TestFederation,
  type TestGateway,
} from '@dockchains/testing';
import {
  createNoteSigner,
  encodeAddCheckpoint,
  encodeCheckpoint,
  parseNote,
  parseOrigin,
} from '@dockchains/tlog';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Workplace } from '../../apps/cli/test-io.ts';
import { askOperator, awaitAgreement, pushTags } from '../faults/pair.ts';
import { push } from '../graphql/session.ts';
import { openWorkplace, signIn } from '../workplace.ts';

const ROLES = ['log-public', 'log-private', 'witness', 'mirror', 'message', 'nats', 'receipt', 'sealing'];
const CERTIFIED = [...ROLES, 'openpgp'];
const ORIGIN = parseOrigin('globex.example/ledger/public');
const PRIVATE = 'globex.example/ledger/private';
const WAIT = { timeout: 60_000, interval: 50 };

let federation: TestFederation;
let acme: TestGateway;
let globex: TestGateway;
let place: Workplace;
let before: Organisation;
let after: Organisation;

beforeAll(async () => {
  federation = await startFederation('acme.example', 'globex.example');
  const [first, second] = federation.organisations.map(({ gateway }) => gateway);
  if (first === undefined || second === undefined) throw new Error('there are no two organisations');
  [acme, globex] = [first, second];
  await askOperator(
    globex,
    'mutation { setNamespaceRule(pattern: "team/**", visibility: PRIVATE) { pattern } }',
  );
  place = await openWorkplace(acme, globex);
  before = await getOrganisation(fetch, globex.url);
});
afterAll(async () => {
  await federation.close();
  await place.remove();
});

const restartWith = async (...commands: readonly (readonly string[])[]): Promise<void> => {
  await globex.stop();
  for (const command of commands) await runGateway(globex, ...command);
  await globex.restart();
};

const pushPrivate = (tag: string): Promise<string> =>
  push(globex, buildImage(), { repository: 'team/app', tag });

type Nodes = { ledger: { entries: { nodes: readonly { kind: string; statement: string }[] } } };

/** What an operator of globex reads in its private ledger, of one kind. */
const readPrivate = async (kind: string) => {
  const query = `{ ledger(origin: "${PRIVATE}") { entries(first: 100) { nodes { kind statement } } } }`;
  const { ledger } = await askOperator<Nodes>(globex, query);
  const found = ledger.entries.nodes.filter((node) => node.kind === kind);
  return found.map(({ statement }) => parseRecord(Buffer.from(statement)));
};

const signersOf = async ({ url }: TestGateway): Promise<readonly string[]> =>
  parseNote(await (await fetch(`${url}/log/public/checkpoint`)).text()).signatures.map(({ name }) => name);

test('all keys are replaced at once, and pushes, cosigning, mirrors and verification go on', async () => {
  const pushed = await pushTags(globex, 'before');
  await pushPrivate('1.0');
  await awaitAgreement(globex, acme, pushed);
  const proved = await place.run('prove', `${globex.host}/public/app:before`, '-o', 'before.tlog-proof');
  expect(proved).toMatchObject({ exitCode: 0 });

  await restartWith(['rotate-key', ...CERTIFIED, 'token']);
  after = await getOrganisation(fetch, globex.url);
  expect(after.descriptor.number).toBe(before.descriptor.number + 1);
  expect(after.descriptor.formerKeys.map(({ role }) => role).toSorted()).toEqual(CERTIFIED.toSorted());
  expect(after.descriptor.formerKeys.every(({ state }) => state === 'replaced')).toBe(true);
  expect(after.fingerprint).not.toBe(before.fingerprint);

  // Both ways: each is cosigned by the other, with the new keys where they are globex's.
  await awaitAgreement(globex, acme, [...pushed, ...(await pushTags(globex, 'after'))]);
  await awaitAgreement(acme, globex, await pushTags(acme, 'after'));
  expect(await signersOf(globex)).toEqual(
    expect.arrayContaining(['acme.example/witness', 'acme.example/mirror']),
  );
  expect(await signersOf(acme)).toEqual(
    expect.arrayContaining(['globex.example/witness', 'globex.example/mirror']),
  );
  const shown = await place.run('peer', 'show', 'globex.example', '--registry', 'acme.example', '--json');
  expect(JSON.parse(shown.stdout)).toMatchObject({ fingerprint: after.fingerprint, state: 'MUTUAL' });

  await signIn(place, globex, globex.operator);
  const image = `${globex.host}/public/app:before`;
  expect(await place.run('verify', image, '--bundle', 'before.tlog-proof')).toMatchObject({ exitCode: 0 });
  expect(await place.run('verify', `${globex.host}/public/app:after`)).toMatchObject({ exitCode: 0 });
});

test('the policy of the keys folder knows the former keys, so that an earlier proof verifies', async () => {
  const path = join(globex.dataDir, 'keys/trust.policy');
  await expect
    .poll(() => readFile(path, 'utf8'), WAIT)
    .toContain(`log ${after.descriptor.keys.logs.public} ${globex.url}/log/public\n`);
  expect(await readFile(path, 'utf8')).toContain(`log ${before.descriptor.keys.logs.public} `);
  const ofAcme = join(acme.dataDir, 'keys/trust.policy');
  await expect
    .poll(() => readFile(ofAcme, 'utf8'), WAIT)
    .toContain(` ${after.descriptor.keys.witness} ${globex.url}/witness\n`);
  expect(await readFile(ofAcme, 'utf8')).toContain(` ${before.descriptor.keys.witness}\n`);
  const image = `${globex.host}/public/app:before`;
  const verified = await place.run('verify', image, '--bundle', 'before.tlog-proof', '--policy', path);
  expect(verified).toMatchObject({ exitCode: 0 });
});

test('private records open by the key that they were sealed to, and new ones are sealed to the new one on record', async () => {
  await pushPrivate('2.0');
  await expect.poll(async () => (await readPrivate('tag-set')).length, WAIT).toBe(2);
  const opened = (await readPrivate('scope-opened')).flatMap((record) =>
    record.kind === 'scope-opened' ? [record] : [],
  );
  const keys = [before, after].map(({ descriptor }) => Buffer.from(descriptor.keys.sealing, 'hex'));
  expect(opened.map(({ panelId }) => panelId)).toEqual(
    keys.map((key) => Buffer.from(sealingPanelId(key)).toString('hex')),
  );
  const size = BigInt(opened[1]?.asOf[0]?.size ?? 0);
  const query = `{ ledger(origin: "globex.example/ledger/public") { entries(first: 100) { nodes { index kind statement } } } }`;
  const { ledger } = await askOperator<{
    ledger: { entries: { nodes: readonly { index: string; kind: string; statement: string }[] } };
  }>(globex, query);
  const added = ledger.entries.nodes.find(
    ({ kind, statement }) => kind === 'key-added' && statement.includes(after.descriptor.keys.sealing),
  );
  expect(BigInt(added?.index ?? -1)).toBeLessThan(size);
  expect(added).toBeDefined();
});

test('an old descriptor, or one that the former certificate did not sign, is taken from nobody', async () => {
  const fetchText = async (path: string) =>
    (await fetch(`${globex.url}/.well-known/dockchains/${path}`)).text();
  const newest = await fetchText('organisation.json');
  const envelope = JSON.parse(newest) as { signatures: readonly object[] };
  const uncertified = JSON.stringify({ ...envelope, signatures: envelope.signatures.slice(1) });
  const old = await fetchText(`organisation/${before.descriptor.number}.json`);
  for (const [shown, pinned] of [
    [old, after.fingerprint],
    [uncertified, before.fingerprint],
  ] as const) {
    await using server = await show(
      new Map([
        ['organisation.json', shown],
        [`organisation/${before.descriptor.number}.json`, old],
      ]),
    );
    await expect(addPeer(acme, { url: server.url, fingerprint: pinned })).rejects.toThrow('not believed');
  }
  expect(await followOrganisation(fetch, { url: globex.url, fingerprint: before.fingerprint })).toEqual(
    after,
  );
});

test('the keys that make the accounts of a NATS server are replaced with its restart; until then HTTP carries on', async () => {
  const [, organisation] = federation.organisations;
  if (organisation === undefined) throw new Error('there is no second organisation');
  await restartWith(['rotate-key', 'nats-operator', 'nats-account', 'nats-system']);
  await awaitAgreement(globex, acme, await pushTags(globex, 'without-nats'));
  await organisation.nats.kill9();
  await organisation.nats.start(await readFile(join(globex.dataDir, 'keys/nats-accounts.conf'), 'utf8'));
  const query = '{ peer(organisation: "globex.example") { connected } }';
  await expect.poll(() => askOperator<unknown>(acme, query), WAIT).toEqual({ peer: { connected: true } });
  await awaitAgreement(globex, acme, await pushTags(globex, 'with-nats'));
});

test('a revoked key is said to be, signs nothing any more, and nothing that it signs is believed', async () => {
  const stolen = await readFile(join(globex.dataDir, 'keys/log-public.former.pem'), 'utf8');
  const roles = ['log-public', 'witness', 'nats', 'openpgp'];
  await restartWith(...roles.map((role) => ['revoke-key', role]));
  const { descriptor } = await getOrganisation(fetch, globex.url);
  expect(descriptor.number).toBe(after.descriptor.number + 1);
  const stateOf = (role: string) => descriptor.formerKeys.find((one) => one.role === role)?.state;
  for (const role of CERTIFIED) expect(stateOf(role)).toBe(roles.includes(role) ? 'revoked' : 'replaced');

  // Both ledgers go on, and the notes are signed by the new key alone.
  await awaitAgreement(globex, acme, await pushTags(globex, 'revoked'));
  const keyIds = (await signersOf(globex)).filter((name) => name === 'globex.example/ledger/public');
  expect(keyIds).toHaveLength(1);
  // Peers: who has the former key gets nothing cosigned by it.
  const signer = createNoteSigner({ name: ORIGIN, privateKey: createPrivateKey(stolen) });
  const text = encodeCheckpoint({ origin: ORIGIN, size: 1n, root: Buffer.alloc(32, 1) });
  const forged = `${text}\n${signer.sign(text)}`;
  expect(await cosignAtAcme(forged)).toBe(403);
  const genuine = await (await fetch(`${globex.url}/log/public/signed`)).text();
  expect(await cosignAtAcme(genuine)).toBe(409); // it knows a larger one than nothing

  // Verifiers: the key leaves the policies, and with it what it alone has signed.
  await signIn(place, globex, globex.operator);
  const image = `${globex.host}/public/app:before`;
  expect(await place.run('verify', image, '--bundle', 'before.tlog-proof')).toMatchObject({ exitCode: 1 });
  await expect
    .poll(() => readFile(join(globex.dataDir, 'keys/trust.policy'), 'utf8'), WAIT)
    .not.toContain(before.descriptor.keys.logs.public);
  await expect
    .poll(() => readFile(join(acme.dataDir, 'keys/trust.policy'), 'utf8'), WAIT)
    .not.toContain(before.descriptor.keys.witness);
  // And the former certificate leads nowhere.
  await expect(
    followOrganisation(fetch, { url: globex.url, fingerprint: before.fingerprint }),
  ).rejects.toMatchObject({ code: 'VERIFICATION_FAILED' });
  await expect(runGateway(globex, 'revoke-key', 'witness')).rejects.toThrow('no former witness key');
});

/** What acme's witness says to whoever shows it a head as the first. */
async function cosignAtAcme(note: string): Promise<number> {
  const body = encodeAddCheckpoint({ oldSize: 0n, proof: [], note });
  return (await fetch(`${acme.url}/witness/add-checkpoint`, { method: 'POST', body })).status;
}

/** A server that shows these files as an organisation's. */
async function show(files: ReadonlyMap<string, string>) {
  const server = createServer((request, response) => {
    const file = files.get((request.url ?? '').replace('/.well-known/dockchains/', ''));
    response.writeHead(file === undefined ? 404 : 200).end(file);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
