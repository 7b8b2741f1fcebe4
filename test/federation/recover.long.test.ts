import { listClosedLedgers, openSession } from '@dockchains/client';
import { buildImage, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { createWorkplace } from '../../apps/cli/test-io.ts';
import { Observer, verifyHistory } from '../faults/observer.ts';
import type { AcknowledgedPush } from '../faults/pusher.ts';
import { awaitPublished, readKeys, readWholeLog, verifyPushes } from '../faults/verify.ts';
import { ask } from '../graphql/session.ts';
import { type RecoverWorld, startRecoverWorld } from './recover-world.ts';

// With these many tags the log has a full bundle.
const PUSHES = 30;
const PARALLEL = 10;
const MORE_TAGS = 200;

let world: RecoverWorld;
let observer: Observer;
// What peers have, and must be back each time.
const published: AcknowledgedPush[] = [];

beforeAll(async () => {
  world = await startRecoverWorld();
  observer = new Observer(() => `${world.acme.url}/log/public`);
  observer.start();
  for (let tag = 0; tag < PUSHES; tag += PARALLEL) {
    const tags = Array.from({ length: PARALLEL }, (_, n) => `t${tag + n}`);
    published.push(
      ...(await Promise.all(
        tags.map((one) =>
          world.push('public/app', one, buildImage({ layers: [], annotations: { tag: one } })),
        ),
      )),
    );
  }
  await world.tagMore('public/app', MORE_TAGS, published[0]);
  await world.push('team/app', '1.0');
  await awaitPublished(world.acme.databaseUrl);
  await world.mirrored(published);
});
afterAll(async () => {
  await observer.stop();
  await world.close();
});

/** Pushes that no peer hears of: acme is all that has them. */
const pushUnheard = async (tag: string): Promise<AcknowledgedPush> => {
  await Promise.all(world.others.map((other) => other.stop()));
  const push = await world.push('public/app', tag);
  await world.signed();
  return push;
};

const listClosed = ({ url }: TestGateway) => listClosedLedgers(openSession({ url }));

const comeBack = (): Promise<unknown> => Promise.all(world.others.map((other) => other.restart()));

/** The gateway is started on what was recovered; its operator makes the accounts anew. */
const startAgain = async (): Promise<void> => {
  await world.acme.seed();
  await world.acme.restart();
  await world.allowPrivate();
};

const verifyAll = async (): Promise<void> => {
  const { acme } = world;
  await awaitPublished(acme.databaseUrl);
  const { verifierKey } = await readKeys(acme.url);
  await verifyPushes(acme.url, acme.databaseUrl, published);
  await verifyHistory(observer.notes, `${acme.url}/log/public`, verifierKey);
  await audit();
};

/** Waits until a ledger's checkpoint is of this origin and a peer has witnessed it. */
const cosigned = (ledger: string, origin: string): Promise<void> =>
  vi.waitFor(
    async () => {
      const note = await (await fetch(`${world.acme.url}/log/${ledger}/checkpoint`)).text();
      expect(note.slice(0, note.indexOf('\n'))).toBe(origin);
      expect(note).toMatch(/\n— (?:globex|initech)\.example\/witness /);
    },
    { timeout: 60_000, interval: 50 },
  );

const audit = async (): Promise<void> => {
  const { acme } = world;
  const place = await createWorkplace();
  place.io.fetch = globalThis.fetch;
  const { username, password } = acme.operator;
  place.io.stdin = `${password}\n`;
  const login = await place.run('login', acme.host, '--username', username, '--password-stdin');
  expect(login).toMatchObject({ exitCode: 0 });
  expect(await place.run('audit', acme.host)).toMatchObject({ exitCode: 0 });
  await place.remove();
};

test('database and blobs destroyed, staging kept: all that was published is back', async () => {
  const unheard = await pushUnheard('unheard');
  await world.destroy({ tiles: false });
  await comeBack();
  const { exitCode, report, stderr } = await world.recover();
  expect(stderr).toContain('ledgers recovered');
  expect({ exitCode, whole: report?.whole }).toEqual({ exitCode: 1, whole: false });
  expect(report?.ledgers.map(({ lost, taken }) => [lost, taken])).toEqual([
    ['0', '0'],
    ['0', '0'],
  ]);
  // The record of what nobody heard of was staged; its bytes went with the blobs.
  expect(report?.manifests).toEqual({
    fetched: PUSHES,
    missing: [{ repository: 'public/app', digest: unheard.image.descriptor.digest }],
  });
  expect(report?.blobs.missing).toEqual([]);
  expect(report?.missingPrivateManifests).toBe(1);
  await startAgain();
  // Who was told pushes it again, and is told the truth.
  published.push(await world.push('public/app', 'unheard', unheard.image));
  published.push(await world.push('public/app', 'after-first'));
  await verifyAll();
  await world.mirrored(published.slice(-2));
}, 180_000);

test('staging destroyed too: all that was published is back from peers, and what was only acknowledged is named', async () => {
  const unheard = [await pushUnheard('unheard-2'), await world.push('public/app', 'unheard-3')];
  await world.destroy({ tiles: true });
  const { acme } = world;

  // A peer that does not answer may know more than the others.
  const early = await world.recover('--accept-loss');
  expect(early).toMatchObject({ exitCode: 1, report: undefined });
  expect(early.stderr).toContain("can't be asked what it knows of our ledgers");
  await comeBack();
  // The private ledger's end is nothing that happens by itself.
  const refused = await world.recover();
  expect(refused).toMatchObject({ exitCode: 1, report: undefined });
  expect(refused.stderr).toContain('--accept-loss');

  await world.interrupt('entries recovered', '--accept-loss');
  const receipts = await world.keepReceipts([...published, ...unheard]);
  const { exitCode, report } = await world.recover('--accept-loss', '--receipts', receipts);
  expect({ exitCode, whole: report?.whole }).toEqual({ exitCode: 1, whole: false });
  expect(report?.receipts?.checked).toBe(published.length + unheard.length);
  expect(report?.receipts?.lost.map(({ recordId }) => recordId)).toEqual(
    unheard.map(({ recordId }) => recordId),
  );
  expect(report?.ledgers).toMatchObject([
    { origin: 'acme.example/ledger/public', lost: '0' },
    { origin: 'acme.example/ledger/private', successor: 'acme.example/ledger/private/2' },
  ]);
  expect(report?.manifests.missing).toEqual([]);
  expect(report?.blobs).toMatchObject({ missing: [], missingPrivate: 0 });
  await startAgain();
  published.push(await world.push('public/app', 'after-second'));
  await verifyAll();
  await world.mirrored(published.slice(-1));

  // The loss is on the public record, and the successor takes records that peers witness.
  const { verifierKey } = await readKeys(acme.url);
  const { records } = await readWholeLog(`${acme.url}/log/public`, verifierKey);
  expect([...records.values()]).toContainEqual(
    expect.objectContaining({
      kind: 'ledger-closed',
      origin: 'acme.example/ledger/private',
      successor: 'acme.example/ledger/private/2',
      kept: '0',
    }),
  );
  await world.push('team/app', '2.0');
  await awaitPublished(acme.databaseUrl);
  await cosigned('private', 'acme.example/ledger/private/2');
}, 180_000);

test('a head was witnessed that nobody has the entries of: the public ledger is closed, and its successor tells what is left', async () => {
  const { acme, others } = world;
  await world.keepMirrors();
  const lost = await world.push('public/app', 'lost');
  await awaitPublished(acme.databaseUrl);
  await Promise.all(others.map((other) => other.stop()));
  await world.destroy({ tiles: true });
  await world.putMirrorsBack();
  await comeBack();

  const receipts = await world.keepReceipts([lost]);
  const { exitCode, report } = await world.recover('--accept-loss', '--receipts', receipts);
  expect({ exitCode, whole: report?.whole }).toEqual({ exitCode: 1, whole: false });
  expect(report?.ledgers[0]).toMatchObject({
    ...{ origin: 'acme.example/ledger/public', lost: '2' },
    successor: 'acme.example/ledger/public/2',
  });
  expect(report?.ledgers[1]).toMatchObject({ successor: 'acme.example/ledger/private/3' });
  expect(report?.receipts?.lost.map(({ recordId }) => recordId)).toEqual([lost.recordId]);
  await startAgain();
  await awaitPublished(acme.databaseUrl);

  const { verifierKey } = await readKeys(acme.url);
  const { records } = await readWholeLog(`${acme.url}/log/public`, verifierKey);
  expect([...records.values()][0]).toMatchObject({
    ...{ kind: 'ledger-closed', origin: 'acme.example/ledger/public' },
    successor: 'acme.example/ledger/public/2',
  });
  const told = [...records.values()].filter(({ kind }) => kind === 'tag-set');
  expect(told.length).toBe(published.length + MORE_TAGS);
  // Peers go on with the successor: they serve what it tells, and cosign it.
  const fresh = await world.push('public/app', 'after-third');
  await awaitPublished(acme.databaseUrl);
  await world.mirrored([...published.slice(0, 5), fresh]);
  for (const { repository, tag, image } of published) {
    const answer = await fetch(`${acme.url}/v2/${repository}/manifests/${tag}`);
    expect(answer.headers.get('docker-content-digest')).toBe(image.descriptor.digest);
    await answer.arrayBuffer();
  }
  await cosigned('public', 'acme.example/ledger/public/2');
  await audit();

  // All three that were closed are shown, by acme with what was lost and by its peers with what they hold.
  const own = await listClosed(acme);
  expect(own.map(({ successor }) => successor)).toEqual([
    'acme.example/ledger/private/2',
    'acme.example/ledger/private/3',
    'acme.example/ledger/public/2',
  ]);
  const [, , ofPublic] = own;
  expect(BigInt(ofPublic?.size ?? 0) - BigInt(ofPublic?.kept ?? 0)).toBe(2n);
  for (const other of others) {
    const theirs = await listClosed(other);
    expect(theirs.map(({ origin }) => origin)).toEqual(own.map(({ origin }) => origin));
    expect(theirs.map(({ held }) => held !== null)).toEqual([false, false, true]);
    const { data } = await ask(other, '{ peer(organisation: "acme.example") { replica { origin } } }');
    expect(data).toEqual({ peer: { replica: { origin: 'acme.example/ledger/public/2' } } });
  }
}, 180_000);
