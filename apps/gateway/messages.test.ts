import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openNatsAuthority, openNatsKey } from '@dockchains/keys';
import { encodeServerAccounts, issueOwnCredential, openConnection } from '@dockchains/messaging';
import { startGateway, startNats } from '@dockchains/testing';
import { expect, test } from 'vitest';

test('a gateway finds its NATS server, also when it comes back, and announces its checkpoints there', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'dockchains-messages-'));
  const keys = join(dataDir, 'keys');
  const authority = await openNatsAuthority(keys);
  const user = await openNatsKey(keys);
  const nats = await startNats(await encodeServerAccounts('acme.example', authority, []));
  const listen = async (): Promise<() => Promise<string[]>> => {
    const connection = await openConnection({
      ...{ url: nats.url, organisation: 'acme.example', seed: user.seed },
      credential: await issueOwnCredential(authority, user.publicKey),
    });
    const heard = connection.nats.subscribe('dockchains.v1.acme_example.checkpoint', { max: 2 });
    await connection.nats.flush();
    return async () => {
      const origins: string[] = [];
      for await (const { data } of heard)
        origins.push(/"origin":"([^"]+)"/.exec(Buffer.from(data).toString())?.[1] ?? '');
      await connection.close();
      return origins.toSorted();
    };
  };
  const ledgers = ['acme.example/ledger/private', 'acme.example/ledger/public'];

  const first = await listen();
  const gateway = await startGateway({ dataDir, env: { DOCKCHAINS_NATS_URL: nats.url } });
  expect(await first()).toEqual(ledgers);

  await nats.kill9();
  await nats.start();
  const again = await listen();
  expect(await again()).toEqual(ledgers);

  const credential = await fetch(`${gateway.url}/federation/nats/globex.example`);
  expect(credential.status).toBe(404); // which is no peer
  await gateway.close();
  await nats.close();
  await rm(dataDir, { recursive: true });
});
