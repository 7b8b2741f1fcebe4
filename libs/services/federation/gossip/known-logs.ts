import type { Ledger } from '@dockchains/ledger';
import { parseVerifierKey, type TileReader } from '@dockchains/tlog';

import { FederationError } from '../errors.ts';
import type { Peer } from '../peers/peers.ts';
import { openHead, reopenHead, type SignedHead } from '../replication/heads.ts';
import { readMirrorTiles } from '../replication/mirror-files.ts';
import { type LogKey, logKeysOf } from '../replication/peer-log.ts';
import type { ReplicaStores } from '../replication/replica.ts';
import { findWitnessedHead } from '../witness/witnessed-heads.ts';

/** A head that is held here; `tiles` reads those below it, where they are held too. */
export type HeldHead = { readonly head: SignedHead; readonly tiles?: TileReader };

/** A log of which heads are known here. */
export type KnownLog = {
  readonly origin: string;
  /** The organisation whose log it is. */
  readonly organisation: string;
  /** The keys that it signs and has signed with. */
  readonly logKeys: readonly LogKey[];
  /** Whether everybody may hold its tiles; of a private one peers know sizes and roots alone. */
  readonly isPublic: boolean;
  /** Where the log is asked for what it alone can explain; undefined for our own. */
  readonly logUrl?: string;
  readonly heads: () => Promise<readonly HeldHead[]>;
};

const READ_MIRRORED = {
  name: 'replica-read-mirrored',
  text: 'SELECT mirrored_note FROM replica WHERE origin = $1',
};

/** The logs of a peer: of each what our witness cosigned last, of the public one our replica besides. */
export function knownPeer(
  stores: ReplicaStores,
  { organisation, descriptor }: Pick<Peer, 'organisation' | 'descriptor'>,
): readonly KnownLog[] {
  const { database } = stores;
  return (['public', 'private'] as const).map((ledger) => {
    const logKeys = logKeysOf(descriptor, ledger);
    const origin = logKeys[0]?.key.name ?? '';
    const isPublic = ledger === 'public';
    return {
      ...{ origin, organisation, logKeys, isPublic },
      logUrl: `${descriptor.endpoints.log}/${ledger}`,
      async heads() {
        const witnessed = await findWitnessedHead(database, origin);
        const held: HeldHead[] = witnessed === undefined ? [] : [{ head: reopenHead(witnessed.note) }];
        const rows = isPublic
          ? await database.query<{ mirrored_note: string | null }>(READ_MIRRORED, [origin])
          : [];
        const mirrored = rows[0]?.mirrored_note ?? null;
        if (mirrored === null) return held;
        return [{ head: reopenHead(mirrored), tiles: readMirrorTiles(stores, origin).readTile }, ...held];
      },
    };
  });
}

/** A log of our own, which somebody else might sign for; `former` are the verifier keys that it signed with before. */
export function knownLedger(
  ledger: Pick<Ledger, 'origin' | 'name' | 'verifierKey' | 'announcedHead' | 'readTile'>,
  organisation: string,
  former: readonly LogKey[] = [],
): KnownLog {
  const { origin } = ledger;
  const own = parseVerifierKey(ledger.verifierKey);
  const tiles: TileReader = async (tile) => {
    const bytes = await ledger.readTile(tile);
    if (bytes !== undefined) return bytes;
    throw new FederationError('SOURCE_REFUTED', `A tile of ${origin} is not here.`);
  };
  return {
    ...{ origin, organisation, isPublic: ledger.name === 'public' },
    logKeys: [{ key: own, isRevoked: false }, ...former],
    heads: async () => [{ head: openHead((await ledger.announcedHead()).note, own), tiles }],
  };
}
