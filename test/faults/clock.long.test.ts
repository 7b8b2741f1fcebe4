import { createShiftedClock, makePeers, startOrganisation, type TestGateway } from '@dockchains/testing';
import { parseNote } from '@dockchains/tlog';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { fetchBytes } from './observer.ts';
import { askOperator, awaitAgreement, pushTags } from './pair.ts';
import type { AcknowledgedPush } from './pusher.ts';
import { awaitPublished, readKeys, verifyPushes } from './verify.ts';

const MINUTES_10 = 600_000;

const cleanup = new AsyncDisposableStack();
const gateways: TestGateway[] = [];

beforeAll(async () => {
  const shifts = { 'acme.example': 0, 'globex.example': MINUTES_10, 'initech.example': -MINUTES_10 };
  for (const [organisation, ms] of Object.entries(shifts)) {
    const clock = await createShiftedClock(ms);
    cleanup.defer(() => clock.remove());
    const started = await startOrganisation({ organisation, env: clock.env });
    cleanup.defer(() => started.close());
    gateways.push(started.gateway);
  }
  await makePeers(...gateways);
});
afterAll(() => cleanup.disposeAsync());

/** When each cosigner of a log's published checkpoint says that it signed, less the true time. */
async function shiftsAt({ url }: TestGateway): Promise<ReadonlyMap<string, number>> {
  const { signatures } = parseNote((await fetchBytes(`${url}/log/public/checkpoint`)).toString());
  // A cosignature/v1 is 8 bytes of seconds and 64 of Ed25519 (C2SP tlog-cosignature).
  const cosigned = signatures.filter(({ signature }) => signature.length === 72);
  return new Map(
    cosigned.map(({ name, signature }) => [
      name,
      Number(Buffer.from(signature).readBigUInt64BE(0)) * 1000 - Date.now(),
    ]),
  );
}

test('L10: gateways whose clocks are 10 minutes ahead and behind federate as others do', async () => {
  const pushed = new Map<TestGateway, AcknowledgedPush[]>();
  for (const gateway of gateways) pushed.set(gateway, await pushTags(gateway, '1.0', '2.0', '3.0'));
  for (const [origin, pushes] of pushed) {
    await awaitPublished(origin.databaseUrl);
    await verifyPushes(origin.url, origin.databaseUrl, pushes);
    for (const holder of gateways) if (holder !== origin) await awaitAgreement(origin, holder, pushes);
  }
  for (const gateway of gateways) {
    expect((await readKeys(gateway.url)).verifierKey).toContain(gateway.organisation);
    const { deadLetters } = await askOperator<{ deadLetters: { nodes: readonly unknown[] } }>(
      gateway,
      '{ deadLetters { nodes { reason } } }',
    );
    expect(deadLetters.nodes).toEqual([]);
  }
  // The clocks were off indeed, and cosignatures say so.
  const [acme] = gateways;
  if (acme === undefined) throw new Error('there is no organisation');
  await vi.waitFor(
    async () => {
      const shifts = await shiftsAt(acme);
      expect(shifts.get('globex.example/witness')).toBeGreaterThan(MINUTES_10 - 120_000);
      expect(shifts.get('initech.example/witness')).toBeLessThan(-MINUTES_10 + 120_000);
    },
    { timeout: 60_000, interval: 100 },
  );
});
