import {
  type CatalogStatus,
  ClientError,
  getCatalog,
  listPeers,
  type PeerSummary,
  type Session,
} from '@dockchains/client';

import { tableOf } from './output.ts';

/** How a gateway stands to others: its peers, and how far its catalog is with each ledger. */
export type FederationStanding = {
  readonly peers: readonly PeerSummary[];
  readonly catalog: CatalogStatus;
};

/** Asks a gateway; undefined where it is of a version that knows neither. @throws ClientError of every other code */
export async function findStanding(session: Session): Promise<FederationStanding | undefined> {
  try {
    const [peers, catalog] = await Promise.all([listPeers(session, { removed: false }), getCatalog(session)]);
    return { peers, catalog };
  } catch (error) {
    if (error instanceof ClientError && error.code === 'REJECTED') return undefined;
    throw error;
  }
}

/** Lays out what several gateways said, by the name of their organisation; no text where there is nothing to show. */
export function standingTables(
  standings: readonly (readonly [name: string, FederationStanding])[],
): readonly string[] {
  const peers = standings.flatMap(([name, standing]) =>
    standing.peers.map(({ organisation, state, seenAt, replica }) => [
      ...[name, organisation, state.toLowerCase(), seenAt],
      replica === null ? '-' : `${replica.held} of ${replica.publishedSize}`,
      replica?.frozen === null || replica === null ? '' : `frozen: ${replica.frozen}`,
    ]),
  );
  const ledgers = standings.flatMap(([name, { catalog }]) =>
    catalog.ledgers.map(({ origin, consumed, publishedSize, lag }) => [
      ...[name, origin, `${consumed} of ${publishedSize}`, `${lag}`],
      catalog.rebuilding ? 'being rebuilt' : 'served',
    ]),
  );
  return [
    ...(peers.length === 0
      ? []
      : [tableOf(['ORGANISATION', 'PEER', 'STATE', 'LAST SEEN', 'ITS LEDGER HERE', ''], peers)]),
    ...(ledgers.length === 0
      ? []
      : [tableOf(['ORGANISATION', 'CATALOG OF', 'CONSUMED', 'LAG', 'STATE'], ledgers)]),
  ];
}

/** Gives a standing for programs. */
export function standingJson({ peers, catalog }: FederationStanding) {
  const ledgers = catalog.ledgers.map((ledger) => ({
    ...{ origin: ledger.origin, organisation: ledger.organisation, lag: `${ledger.lag}` },
    ...{ publishedSize: `${ledger.publishedSize}`, consumed: `${ledger.consumed}` },
  }));
  return { peers, catalog: { rebuilding: catalog.rebuilding, ledgers } };
}
