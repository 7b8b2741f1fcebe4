import type { Ledger } from '@dockchains/ledger';

/** Says whether a ledger takes records now: for whoever is first to be told whether he may. */
export function isWritable(ledger: Pick<Ledger, 'requireWritable'>): boolean {
  try {
    ledger.requireWritable();
    return true;
  } catch {
    return false;
  }
}
