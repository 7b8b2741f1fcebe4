import { join } from 'node:path';

import { openDatabase } from '@dockchains/database';
import { startGateway, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { Gate } from '../faults/gate.ts';
import { Observer, verifyHistory } from '../faults/observer.ts';
import { Pusher } from '../faults/pusher.ts';
import { awaitPublished, readKeys, verifyPushes } from '../faults/verify.ts';
import { runAudit } from '../ledger/audit-process.ts';
import { fill, finishUpload, usePrivately, verifyContents, verifyRecords } from './contents.ts';
import { type EarlierTree, exportEarlierTree } from './earlier-tree.ts';

// The state before private repositories, rights to tags and collection: what is out there must be taken over.
const EARLIER = {
  commit: '227a17b0b08db0277daf2549ae82dff81ef6fded',
  main: 'apps/gateway/main.ts',
  actions: ['pull', 'push', 'delete'],
};

let earlier: EarlierTree;

beforeAll(async () => {
  earlier = await exportEarlierTree(EARLIER.commit);
});

afterAll(async () => {
  if (earlier.folder !== undefined) await earlier.remove();
});

const pusherOf = (gateway: TestGateway): Pusher =>
  new Pusher(
    {
      url: () => gateway.url,
      token: (repository) => gateway.token(gateway.publisher, `repository:${repository}:pull,push`),
    },
    new Gate(),
  );

const pushesOf = async (pusher: Pusher, more: number): Promise<void> => {
  const before = pusher.acknowledged.length;
  await expect
    .poll(() => pusher.acknowledged.length, { timeout: 180_000, interval: 5 })
    .toBeGreaterThanOrEqual(before + more);
};

test.for(['stopped in order', 'killed under pushes'])(
  'what an earlier version kept that was %s is taken over by starting this one',
  { timeout: 600_000 },
  async (how, { skip }) => {
    if (earlier.folder === undefined) {
      return skip(`upgrade from ${EARLIER.commit.slice(0, 7)} is not tested: ${earlier.obstacle}`);
    }
    const main = join(earlier.folder, EARLIER.main);
    const old = await startGateway({ main, seed: { main, actions: EARLIER.actions } });
    const observer = new Observer(() => `${old.url}/log/public`);
    const pusher = pusherOf(old);
    let upgraded: TestGateway | undefined;
    let later: Pusher | undefined;
    try {
      observer.start();
      const contents = await fill(old);
      pusher.start(4);
      await pushesOf(pusher, 200);
      if (how === 'stopped in order') {
        await pusher.stop();
        await old.stop();
      } else {
        const acknowledged = pusher.acknowledged.length;
        await old.kill9();
        expect(acknowledged).toBeGreaterThanOrEqual(200);
      }
      await pusher.stop();
      await observer.stop();

      upgraded = await startGateway({ database: old.databaseUrl, dataDir: old.dataDir });
      const logUrl = `${upgraded.url}/log/public`;
      await awaitPublished(old.databaseUrl);
      await verifyContents(upgraded, contents);
      await verifyPushes(upgraded.url, old.databaseUrl, pusher.acknowledged);
      await verifyRecords(upgraded, contents);
      await finishUpload(upgraded, contents);
      await usePrivately(upgraded);

      later = pusherOf(upgraded);
      later.start(4);
      await pushesOf(later, 40);
      await later.stop();
      await upgraded.stop();
      await upgraded.restart();
      await awaitPublished(old.databaseUrl);
      await verifyContents(upgraded, contents);
      // The later pushes moved tags of the earlier: what these said is in the log still.
      await verifyPushes(upgraded.url, old.databaseUrl, later.acknowledged);

      const { verifierKey } = await readKeys(upgraded.url);
      const note = await (await fetch(`${logUrl}/checkpoint`)).text();
      expect(observer.notes.length).toBeGreaterThan(3);
      await verifyHistory([...observer.notes, note], logUrl, verifierKey);
      const audit = await runAudit(logUrl, join(old.dataDir, 'keys/trust.policy'));
      expect([audit.exitCode, audit.errors]).toEqual([0, '']);
      await verifyPolicies(old.databaseUrl);
    } finally {
      await pusher.stop();
      await later?.stop();
      await observer.stop();
      await upgraded?.close();
      await old.close();
    }
  },
);

/** Who could push could tag: still so. */
const verifyPolicies = async (databaseUrl: string): Promise<void> => {
  const database = openDatabase(databaseUrl);
  try {
    const [policy] = await database.query<{ actions: string[] }>({
      name: 'test-read-policy',
      text: `SELECT p.actions FROM policy p JOIN account a ON a.id = p.principal_id WHERE a.username = 'publisher'`,
    });
    expect(policy?.actions.toSorted()).toEqual(['delete', 'pull', 'push', 'tag:create', 'tag:move']);
  } finally {
    await database.close();
  }
};
