import type { Database, Statement } from '@dockchains/database';
import { type KnownDescriptor, readKnownDescriptor } from '@dockchains/identity';

import type { Peer } from './peers.ts';

/** A peer with what its next descriptor is compared with. */
export type KeptPeer = { readonly peer: Peer; readonly known: KnownDescriptor; readonly envelope: string };

/** What was learned of a peer's descriptor just now. */
export type SeenPeer = {
  readonly url: string;
  readonly envelope: string;
  readonly known: KnownDescriptor;
  /** Whether it has us among its peers. */
  readonly mutual: boolean;
  readonly at: Date;
};

type Row = {
  readonly organisation: string;
  readonly url: string;
  readonly fingerprint: string;
  readonly envelope: string;
  readonly state: string;
  readonly mutual: boolean;
  readonly addedAt: Date;
  readonly seenAt: Date;
};

const REVISION: Statement = {
  name: 'federation_peer_revision',
  text: 'SELECT coalesce(max(revision), 0)::bigint AS revision FROM peer',
};
const READ: Statement = {
  name: 'federation_read_peers',
  text: `SELECT organisation, url, fingerprint, envelope, state, mutual, added_at AS "addedAt", seen_at AS "seenAt"
         FROM peer ORDER BY organisation`,
};
const ADD: Statement = {
  name: 'federation_add_peer',
  text: `INSERT INTO peer AS p (organisation, url, fingerprint, number, envelope, state, mutual, added_at, seen_at, revision)
         VALUES ($1, $2, $3, $4, $5, 'active', $6, $7, $7, nextval('peer_revision'))
         ON CONFLICT (organisation) DO UPDATE SET
           url = EXCLUDED.url, fingerprint = EXCLUDED.fingerprint, number = EXCLUDED.number, envelope = EXCLUDED.envelope,
           state = 'active', mutual = EXCLUDED.mutual, removed_at = NULL, seen_at = EXCLUDED.seen_at,
           added_at = CASE p.state WHEN 'active' THEN p.added_at ELSE EXCLUDED.added_at END, revision = EXCLUDED.revision`,
};
const REMOVE: Statement = {
  name: 'federation_remove_peer',
  text: `UPDATE peer SET state = 'removed', removed_at = $2, mutual = false, revision = nextval('peer_revision')
         WHERE organisation = $1 AND state = 'active'`,
};
// Only forward, and only what the caller's knowledge rests on.
const SEE: Statement = {
  name: 'federation_see_peer',
  text: `UPDATE peer SET fingerprint = $3, number = $4, envelope = $5, mutual = $6, seen_at = $7,
           revision = CASE WHEN envelope <> $5 OR mutual <> $6 THEN nextval('peer_revision') ELSE revision END
         WHERE organisation = $1 AND fingerprint = $2 AND state = 'active' AND number <= $4`,
};

/** A number that is another one after each change of a peer. */
export async function readPeerRevision(database: Database): Promise<bigint> {
  const [row] = await database.query<{ revision: bigint }>(REVISION);
  return row?.revision ?? 0n;
}

/** The active peers, for whoever starts before `Peers` can be opened. */
export async function readActivePeers(database: Database): Promise<readonly Peer[]> {
  return (await readPeers(database)).map(({ peer }) => peer).filter(({ state }) => state === 'active');
}

/** All peers, also those that were removed, by name. */
export async function readPeers(database: Database): Promise<readonly KeptPeer[]> {
  const rows = await database.query<Row>(READ);
  return rows.map(({ envelope, state, ...row }) => {
    const known = readKnownDescriptor(envelope, row.fingerprint);
    return {
      ...{ known, envelope },
      peer: { ...row, state: state === 'active' ? 'active' : 'removed', descriptor: known.descriptor },
    };
  });
}

/** Writes a peer that an operator adds, or adds again. */
export async function writePeer(database: Database, seen: SeenPeer): Promise<void> {
  const { url, envelope, known, mutual, at } = seen;
  const { organisation, number } = known.descriptor;
  await database.query(ADD, [organisation, url, known.fingerprint, number, envelope, mutual, at]);
}

/** Writes what was fetched of a peer, unless somebody else was ahead. */
export async function writeSeen(
  database: Database,
  { peer: { organisation, fingerprint } }: KeptPeer,
  { envelope, known, mutual, at }: SeenPeer,
): Promise<void> {
  await database.query(SEE, [
    ...[organisation, fingerprint, known.fingerprint, known.descriptor.number, envelope, mutual, at],
  ]);
}

/** Ends a peering on this side. */
export async function writeRemoval(database: Database, organisation: string, at: Date): Promise<void> {
  await database.query(REMOVE, [organisation, at]);
}
