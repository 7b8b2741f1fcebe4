import type { LinkedOrganisation } from '@dockchains/testing';
import { expect } from 'vitest';

const LONG = { timeout: 60_000, interval: 20 };

/** Waits until a gateway takes pushes. */
export async function awaitReady({ gateway }: LinkedOrganisation): Promise<void> {
  const isReady = async (): Promise<boolean> => {
    const signal = AbortSignal.timeout(2_000);
    const answer = await fetch(`${gateway.url}/readyz`, { signal }).catch(() => undefined);
    return answer?.status === 200;
  };
  await expect.poll(isReady, LONG).toBe(true);
}

/** Waits until an organisation publishes a checkpoint that it had not before. */
export async function awaitPublication({ gateway }: LinkedOrganisation): Promise<void> {
  const read = async (): Promise<string> => (await fetch(`${gateway.url}/log/public/checkpoint`)).text();
  const before = await read();
  await expect.poll(read, LONG).not.toBe(before);
}
