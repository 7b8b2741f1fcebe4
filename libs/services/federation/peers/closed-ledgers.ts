import { findLedgerLine, predecessorsOf, successorOf } from '@dockchains/ledger';
import { type Origin, parseOrigin, parseVerifierKey } from '@dockchains/tlog';

import type { Replication } from '../replication/replication.ts';
import type { Peers } from './peers.ts';

/** A ledger that ended because entries of it were lost: nothing is signed for it any more. */
export type ClosedLedger = {
  readonly organisation: string;
  readonly origin: Origin;
  /** The ledger that goes on in its place. */
  readonly successor: Origin;
  /** How many entries it is known to have had, how many of them its organisation still has, and when it was closed; of own ones alone. */
  readonly loss: { readonly size: bigint; readonly kept: bigint; readonly at: Date } | undefined;
  /** How many of a peer's entries are held here; of public ones alone. */
  readonly held: bigint | undefined;
};

/** What finding them takes. */
export type ClosedLedgersDeps = {
  readonly organisation: string;
  readonly keysDirectory: string;
  readonly peers: Pick<Peers, 'list'>;
  readonly replication: Pick<Replication, 'status'>;
};

/**
 * Lists the closed ledgers of the organisation, from the files beside its keys, and of its peers, by the origins that their
 * signed descriptors name: who signs for a second ledger has closed the first.
 */
export async function listClosedLedgers(deps: ClosedLedgersDeps): Promise<readonly ClosedLedger[]> {
  const { organisation, keysDirectory, peers, replication } = deps;
  const lines = await Promise.all(
    (['public', 'private'] as const).map((name) => findLedgerLine(keysDirectory, organisation, name)),
  );
  const own = lines.flatMap(({ closed }) =>
    closed.map(({ origin, successor, size, kept, at }): ClosedLedger => {
      const loss = { size: BigInt(size), kept: BigInt(kept), at: new Date(at) };
      return {
        ...{ organisation, loss, held: undefined },
        ...{ origin: parseOrigin(origin), successor: parseOrigin(successor) },
      };
    }),
  );
  const [all, replicas] = await Promise.all([peers.list(), replication.status()]);
  const theirs = all.flatMap((peer) =>
    Object.values(peer.descriptor.keys.logs)
      .flatMap((key) => predecessorsOf(parseOrigin(parseVerifierKey(key).name)))
      .map((origin): ClosedLedger => {
        const held = replicas.find((replica) => replica.origin === origin)?.held;
        return {
          ...{ organisation: peer.organisation, origin, successor: successorOf(origin) },
          ...{ loss: undefined, held },
        };
      }),
  );
  return [...own, ...theirs];
}
