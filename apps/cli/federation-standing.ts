import {
  type CatalogStatus,
  ClientError,
  type ClosedLedgerSummary,
  countDeadLetters,
  type EquivocationSummary,
  getCatalog,
  listClosedLedgers,
  listEquivocations,
  listPeers,
  listUndecidedHeads,
  type PeerSummary,
  type Session,
  type UndecidedHeadSummary,
} from '@dockchains/client';

import { tableOf } from './output.ts';

/** How a gateway stands to others: its peers, how far its catalog is with each ledger, and what went wrong between them. */
export type FederationStanding = {
  readonly peers: readonly PeerSummary[];
  readonly catalog: CatalogStatus;
  readonly equivocations: readonly EquivocationSummary[];
  readonly undecidedHeads: readonly UndecidedHeadSummary[];
  readonly closedLedgers: readonly ClosedLedgerSummary[];
  /** How many messages were given up on; undefined where only an operator may know, or the gateway's version can't say. */
  readonly deadLetters: number | undefined;
};

/** Asks a gateway; undefined where it is of a version that knows neither. @throws ClientError of every other code */
export async function findStanding(session: Session): Promise<FederationStanding | undefined> {
  try {
    const [peers, catalog, equivocations, undecidedHeads, closedLedgers, deadLetters] = await Promise.all([
      listPeers(session, { removed: false }),
      getCatalog(session),
      listEquivocations(session),
      listUndecidedHeads(session),
      listClosedLedgers(session),
      findDeadLetterCount(session),
    ]);
    return { peers, catalog, equivocations, undecidedHeads, closedLedgers, deadLetters };
  } catch (error) {
    if (error instanceof ClientError && error.code === 'REJECTED') return undefined;
    throw error;
  }
}

async function findDeadLetterCount(session: Session): Promise<number | undefined> {
  try {
    return await countDeadLetters(session);
  } catch (error) {
    if (error instanceof ClientError && (error.code === 'DENIED' || error.code === 'REJECTED'))
      return undefined;
    throw error;
  }
}

/** Lays out what several gateways said, by the name of their organisation; no text where there is nothing to show. */
export function standingTables(
  standings: readonly (readonly [name: string, FederationStanding])[],
): readonly string[] {
  const peers = standings.flatMap(([name, standing]) =>
    standing.peers.map(({ organisation, state, seenAt, connected, replica }) => [
      ...[name, organisation, state.toLowerCase(), connected ? 'NATS' : 'HTTP', seenAt],
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
  const equivocations = standings.flatMap(([name, standing]) =>
    standing.equivocations.map(({ origin, foundAt, byRevokedKey }) => [
      ...[name, origin, foundAt],
      byRevokedKey ? 'by a key that was revoked: nothing is frozen' : 'frozen here',
    ]),
  );
  const undecided = standings.flatMap(([name, standing]) =>
    standing.undecidedHeads.map((head) => [
      ...[name, head.origin, `${head.heldSize} and ${head.shownSize}`, head.shownBy, head.since],
      `${head.isUnexplained ? 'unexplained' : 'undecided'}: ${head.answer}${head.isWithheld ? '; not cosigned before' : ''}`,
    ]),
  );
  const closed = standings.flatMap(([name, standing]) =>
    standing.closedLedgers.map((ledger) => [
      ...[name, ledger.origin, ledger.successor, ledger.closedAt ?? '-'],
      entriesOf(ledger),
    ]),
  );
  return [
    ...(peers.length === 0
      ? []
      : [tableOf(['ORGANISATION', 'PEER', 'STATE', 'BY', 'LAST SEEN', 'ITS LEDGER HERE', ''], peers)]),
    ...(ledgers.length === 0
      ? []
      : [tableOf(['ORGANISATION', 'CATALOG OF', 'CONSUMED', 'LAG', 'STATE'], ledgers)]),
    ...(equivocations.length === 0
      ? []
      : [tableOf(['ORGANISATION', 'SIGNED TWO HISTORIES', 'FOUND', ''], equivocations)]),
    ...(undecided.length === 0
      ? []
      : [tableOf(['ORGANISATION', 'NOT EXPLAINED BY', 'HEADS', 'SHOWN BY', 'SINCE', ''], undecided)]),
    ...(closed.length === 0
      ? []
      : [tableOf(['ORGANISATION', 'CLOSED', 'GOES ON IN', 'SINCE', 'ENTRIES'], closed)]),
    ...standings.flatMap(([name, { deadLetters = 0 }]) =>
      deadLetters === 0
        ? []
        : [
            `${name} has given up on ${deadLetters} messages of peers: dockchains messages list --registry ${name}`,
          ],
    ),
  ];
}

function entriesOf({ size, kept, held }: ClosedLedgerSummary): string {
  if (size !== null) return `${kept ?? '?'} of ${size} kept`;
  return held === null ? '-' : `${held} held here`;
}

/** Gives a standing for programs. */
export function standingJson({
  peers,
  catalog,
  equivocations,
  undecidedHeads,
  closedLedgers,
  deadLetters,
}: FederationStanding) {
  const ledgers = catalog.ledgers.map((ledger) => ({
    ...{ origin: ledger.origin, organisation: ledger.organisation, lag: `${ledger.lag}` },
    ...{ publishedSize: `${ledger.publishedSize}`, consumed: `${ledger.consumed}` },
  }));
  const view = { rebuilding: catalog.rebuilding, ledgers };
  const wrong = { equivocations, undecidedHeads, closedLedgers, deadLetters: deadLetters ?? null };
  return { peers, catalog: view, ...wrong };
}
