import type { Ledger } from '@dockchains/ledger';

import type { RegistryDeps } from './deps.ts';

/**
 * Waits for as much as an acknowledgement promises here: nothing more than what has committed, or that a peer holds these records too.
 * @throws LedgerError NOT_HELD: what was asked for is done, but only here
 */
export async function untilAcknowledged(
  { acknowledge }: Pick<RegistryDeps, 'acknowledge'>,
  ledger: Pick<Ledger, 'untilHeld'>,
  recordIds: readonly string[],
): Promise<void> {
  if (acknowledge === 'replicated' && recordIds.length > 0) await ledger.untilHeld(recordIds);
}
