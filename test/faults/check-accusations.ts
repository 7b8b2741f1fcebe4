import { expect } from 'vitest';

import { undecidedAt } from '../federation/undecided.ts';
import type { Watched } from './watched-federation.ts';

/** Nobody is said to have signed two histories, nor to owe an explanation; nor was it ever said that a ledger gave none. */
export async function expectNobodyAccused(watched: readonly Watched[]): Promise<void> {
  for (const { organisation } of watched) {
    const { gateway } = organisation;
    await expect.poll(() => undecidedAt(gateway), { timeout: 60_000, interval: 100 }).toEqual([]);
    const logs = gateway.logs();
    for (const said of ['does not explain two of its heads', 'equivocation proven']) {
      expect(logs.includes(said), `${organisation.name} says: ${said}`).toBe(false);
    }
  }
}
