import type { Ledger } from '@dockchains/ledger';
import { parseVerifierKey, type TileReader, type VerifierKey } from '@dockchains/tlog';

import { FederationError } from '../errors.ts';
import type { Peer } from '../peers/peers.ts';
import { openHead, reopenHead, type SignedHead } from '../replication/heads.ts';
import { readMirrorTiles } from '../replication/mirror-files.ts';
import { keyOf, originOf } from '../replication/peer-log.ts';
import type { ReplicaStores } from '../replication/replica.ts';

/** A log of which a head is known here, with the tiles below it. */
export type KnownLog = {
  readonly origin: string;
  /** The organisation whose log it is. */
  readonly organisation: string;
  readonly logKey: VerifierKey;
  readonly head: () => Promise<SignedHead | undefined>;
  readonly tiles: TileReader;
};

const READ_MIRRORED = {
  name: 'replica-read-mirrored',
  text: 'SELECT mirrored_note FROM replica WHERE origin = $1',
};

/** The replica of a peer's public log. */
export function knownReplica(
  stores: ReplicaStores,
  peer: Pick<Peer, 'organisation' | 'descriptor'>,
): KnownLog {
  const origin = originOf(peer);
  return {
    ...{ origin, organisation: peer.organisation, logKey: keyOf(peer) },
    async head() {
      const [row] = await stores.database.query<{ mirrored_note: string | null }>(READ_MIRRORED, [origin]);
      const note = row?.mirrored_note ?? null;
      return note === null ? undefined : reopenHead(note);
    },
    tiles: readMirrorTiles(stores, origin).readTile,
  };
}

/** Our own public log, which somebody else might sign for. */
export function knownLedger(
  ledger: Pick<Ledger, 'origin' | 'verifierKey' | 'announcedHead' | 'readTile'>,
  organisation: string,
): KnownLog {
  const logKey = parseVerifierKey(ledger.verifierKey);
  return {
    ...{ origin: ledger.origin, organisation, logKey },
    head: async () => openHead((await ledger.announcedHead()).note, logKey),
    async tiles(tile) {
      const bytes = await ledger.readTile(tile);
      if (bytes !== undefined) return bytes;
      throw new FederationError('SOURCE_REFUTED', `A tile of ${ledger.origin} is not here.`);
    },
  };
}
