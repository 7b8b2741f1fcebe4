import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startGateway } from '@dockchains/testing';
import { expect, test } from 'vitest';

import { Gate } from './gate.ts';
import { halt, verifyBoth } from './kill-gateways.ts';
import { Observer } from './observer.ts';
import { Pusher } from './pusher.ts';

// Between two steps is where a leader that wakes up late could do harm: another has led meanwhile.
test.each(['sequenced', 'staged', 'signed', 'published', 'promoted'])(
  'L3: a leader that hangs right behind the step "%s", and runs on when another leads, contradicts nothing',
  async (step) => {
    const folder = await mkdtemp(join(tmpdir(), 'dockchains-hung-'));
    const stopFile = join(folder, 'stopped');
    const first = await startGateway({
      main: join(import.meta.dirname, 'stopping-gateway.ts'),
      env: { STOP_AFTER_STEP: step, STOP_FILE: stopFile, STOP_SIGNAL: 'SIGSTOP' },
    });
    const { databaseUrl: database, dataDir } = first;
    const second = await startGateway({ database, dataDir });
    const pusher = new Pusher(
      {
        url: () => second.url,
        token: (repository) => second.token(second.publisher, `repository:${repository}:pull,push`),
      },
      new Gate(),
    );
    const observers = [first, second].map((gateway) => new Observer(() => `${gateway.url}/log/public`));
    const [, watching] = observers;
    try {
      for (const observer of observers) observer.start();
      pusher.start(4);
      await expect.poll(() => existsSync(stopFile), { interval: 10 }).toBe(true);
      const before = watching?.notes.length ?? 0;
      await expect.poll(() => watching?.notes.length).toBeGreaterThan(before + 3);
      await (
        await halt(first)
      )();
      const acknowledged = pusher.acknowledged.length;
      await expect.poll(() => pusher.acknowledged.length).toBeGreaterThan(acknowledged + 40);
      await pusher.stop();
      await verifyBoth({ first, second }, pusher, observers);
    } finally {
      first.process.kill('SIGCONT');
      for (const observer of observers) await observer.stop();
      await pusher.stop();
      await second.close();
      await first.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
);
