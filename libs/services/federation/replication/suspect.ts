import { TlogError, type VerifierKey } from '@dockchains/tlog';

import { EquivocationError } from '../gossip/equivocation-error.ts';
import { localTiles } from './catch-up.ts';
import { findContradiction, openHead, type SignedHead } from './heads.ts';
import type { Replica, ReplicaStores } from './replica.ts';

/**
 * A head that a log signed, and that what is held does not reach or does not give: shown to nobody but us it would otherwise be
 * forgotten. It is compared with what is held once that is enough.
 */
export class Suspect {
  #head: SignedHead | undefined;

  /** Remembers a note if the log signed it, and if no other waits. */
  add(note: string, logKey: VerifierKey): void {
    try {
      this.#head ??= openHead(note, logKey);
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
    }
  }

  /** @throws EquivocationError if the log signed two histories */
  async compare(stores: ReplicaStores, replica: Replica): Promise<void> {
    const [suspect, { mirrored }] = [this.#head, replica];
    if (suspect === undefined || mirrored === undefined || mirrored.size < suspect.size) return;
    const proof = await findContradiction(suspect, mirrored, localTiles(stores, replica));
    this.#head = undefined;
    if (proof !== undefined) throw new EquivocationError(replica.origin, proof);
  }
}
