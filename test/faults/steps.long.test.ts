import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startGateway } from '@dockchains/testing';
import { expect, test } from 'vitest';

import { Gate } from './gate.ts';
import { Observer, verifyHistory } from './observer.ts';
import { Pusher } from './pusher.ts';
import { awaitPublished, readKeys, verifyPushes } from './verify.ts';

test.each(['sequenced', 'staged', 'signed', 'published', 'promoted'])(
  'L4: a gateway killed right behind the step "%s" resumes there',
  async (step) => {
    const folder = await mkdtemp(join(tmpdir(), 'dockchains-steps-'));
    const gateway = await startGateway({
      main: join(import.meta.dirname, 'stopping-gateway.ts'),
      env: { STOP_AFTER_STEP: step, STOP_FILE: join(folder, 'stopped') },
    });
    const gate = new Gate();
    const target = {
      url: () => gateway.url,
      token: (repository: string) => gateway.token(gateway.publisher, `repository:${repository}:pull,push`),
    };
    const pusher = new Pusher(target, gate);
    const observer = new Observer(() => `${gateway.url}/log/public`);
    try {
      gate.shut(); // the first failure is the kill: wait for the restart
      const killed = once(gateway.process, 'exit');
      observer.start();
      pusher.start(4);
      const [, signal] = (await killed) as [number | null, string | null];
      expect(signal).toBe('SIGKILL');
      await gateway.restart();
      gate.open();
      const before = pusher.acknowledged.length;
      await expect.poll(() => pusher.acknowledged.length).toBeGreaterThan(before + 15);
      await pusher.stop();
      await awaitPublished(gateway.databaseUrl);
      await observer.stop();
      const { verifierKey } = await readKeys(gateway.url);
      await verifyPushes(gateway.url, gateway.databaseUrl, pusher.acknowledged);
      await verifyHistory(observer.notes, `${gateway.url}/log/public`, verifierKey);
    } finally {
      gate.open();
      await observer.stop();
      await pusher.stop();
      await gateway.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
);
