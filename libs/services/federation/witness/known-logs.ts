import { parseVerifierKey, type Policy } from '@dockchains/tlog';

import type { Peers } from '../peers/peers.ts';
import { logKeysOf } from '../replication/peer-log.ts';
import type { KnownLog } from './witness.ts';

const LEDGERS = ['public', 'private'] as const;

/**
 * The log of an origin that the witness knows: a ledger of an active peer, or one of others' making out of a file. What a removed peer's
 * witnessed heads say stays, but it is asked for no more.
 */
export async function findWitnessedLog(
  { peers, others }: { readonly peers: Pick<Peers, 'find'>; readonly others: Policy | undefined },
  origin: string,
): Promise<KnownLog | undefined> {
  const [organisation = '', ledgers, name] = origin.split('/');
  const ledger = LEDGERS.find((one) => one === name);
  if (ledgers === 'ledger' && ledger !== undefined) {
    const peer = await peers.find(organisation);
    const key = peer && parseVerifierKey(peer.descriptor.keys.logs[ledger]);
    if (peer !== undefined && key?.name === origin) {
      return {
        keys: [key],
        logKeys: logKeysOf(peer.descriptor, ledger),
        checkpointUrl: `${peer.descriptor.endpoints.log}/${ledger}/checkpoint`,
      };
    }
  }
  const logs = (others?.logs ?? []).filter(({ key }) => key.name === origin);
  return logs.length === 0 ? undefined : { keys: logs.map(({ key }) => key) };
}
