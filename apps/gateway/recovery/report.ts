import type {
  BlobsRecovered,
  EntriesRecovered,
  ManifestsRecovered,
  PeerProblem,
} from '@dockchains/federation';

/** What became of one ledger. */
export type LedgerReport = Pick<EntriesRecovered, 'size' | 'taken' | 'from' | 'signedSize'> & {
  readonly origin: string;
  /** Entries that we are known to have signed and nobody has. */
  readonly lost: bigint;
  /** The time that the last recovered record says of itself. */
  readonly lastRecordAt?: string;
  /** The ledger that goes on, where this one was closed. */
  readonly successor?: string;
  /** Why it takes no records, if it takes none. */
  readonly frozen?: string;
};

/** A receipt whose record is not in the ledger: it was acknowledged, and is gone. */
export type LostReceipt = { readonly recordId: string; readonly repository: string; readonly digest: string };

/** What `recover` did and what it could not do. */
export type RecoveryReport = {
  readonly organisation: string;
  readonly ledgers: readonly LedgerReport[];
  readonly manifests: Pick<ManifestsRecovered, 'fetched' | 'missing'>;
  readonly blobs: BlobsRecovered;
  /** How many manifests of private repositories are gone. */
  readonly missingPrivateManifests: number;
  readonly problems: readonly PeerProblem[];
  /** Of those that were given to be looked for. */
  readonly receipts?: { readonly checked: number; readonly lost: readonly LostReceipt[] };
};

/** Whether everything that is known to have been recorded is back. */
export function isWhole({
  ledgers,
  manifests,
  blobs,
  missingPrivateManifests,
  receipts,
}: RecoveryReport): boolean {
  return (
    ledgers.every(
      ({ lost, successor, frozen }) => lost === 0n && successor === undefined && frozen === undefined,
    ) &&
    manifests.missing.length + blobs.missing.length + blobs.missingPrivate + missingPrivateManifests === 0 &&
    (receipts?.lost.length ?? 0) === 0
  );
}

/** The report as a program reads it: sizes in decimal. */
export function encodeReport(report: RecoveryReport): string {
  const isSize = (value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);
  return JSON.stringify({ ...report, whole: isWhole(report) }, (_, value: unknown) => isSize(value));
}

/** The report as an operator reads it. */
export function describeReport(report: RecoveryReport): string {
  const { ledgers, manifests, blobs, missingPrivateManifests, problems, receipts } = report;
  return [
    ...ledgers.flatMap(describeLedger),
    `Manifests: ${manifests.fetched} fetched from peers, ${manifests.missing.length} that nobody has.`,
    ...manifests.missing.map(({ repository, digest }) => `  gone: ${repository}@${digest}`),
    `Blobs: ${blobs.fetched} fetched from peers, ${blobs.missing.length} that nobody has.`,
    ...blobs.missing.map(({ repository, digest }) => `  gone: ${repository}@${digest}`),
    ...describePrivate(missingPrivateManifests, blobs.missingPrivate),
    ...problems.map(({ organisation, reason }) => `Not believed or not reached: ${organisation}: ${reason}`),
    ...(receipts === undefined ? [] : describeReceipts(receipts)),
    isWhole(report)
      ? 'Everything that is known to have been recorded is back.'
      : 'NOT everything is back: see above for what is gone.',
  ].join('\n');
}

function describeLedger(report: LedgerReport): string[] {
  const { origin, size, taken, from, signedSize, lost, lastRecordAt, successor, frozen } = report;
  const source = from === undefined ? '' : `, ${taken} of them from ${from}`;
  return [
    `${origin}: ${size} entries${source}.`,
    ...(lost === 0n
      ? []
      : [
          `  LOST: ${lost} entries: a head of ${signedSize} was signed, and nobody has the entries behind ${size}.`,
        ]),
    ...(lastRecordAt === undefined
      ? []
      : [
          `  The last record is of ${lastRecordAt}. What was acknowledged later, and had reached no peer, is known to nobody but those who pushed it: their receipts tell (--receipts FILE).`,
        ]),
    ...(successor === undefined
      ? []
      : [
          `  CLOSED, by a public record that says so: ${successor} goes on. More than these may have been lost.`,
        ]),
    ...(frozen === undefined ? [] : [`  It takes no records: ${frozen}`]),
  ];
}

function describePrivate(manifests: number, blobs: number): string[] {
  if (manifests + blobs === 0) return [];
  return [
    `Private repositories: ${manifests} manifests and ${blobs} blobs are gone; nobody else ever had them.`,
  ];
}

function describeReceipts({ checked, lost }: NonNullable<RecoveryReport['receipts']>): string[] {
  return [
    `Receipts: ${checked} checked, ${lost.length} of records that are gone: these must be pushed again.`,
    ...lost.map(({ recordId, repository, digest }) => `  gone: record ${recordId}: ${repository}@${digest}`),
  ];
}
