const tokenOf = (organisation: string): string => organisation.replaceAll('.', '_');

/** What an organisation is asked for over NATS. */
export type Question = 'witness' | 'cosigned' | 'gossip';

/** The stream in which an organisation announces its public entries and its checkpoints. */
export const streamOf = (organisation: string): string => `DC_${tokenOf(organisation)}_PUBLIC`;

/** The durable consumer that is a peer's on that stream. */
export const consumerOf = (peer: string): string => tokenOf(peer);

/** The subjects of that stream; what they say of a message proves nothing. */
export const announcementSubjects = (organisation: string): string[] => [
  ledgerSubject(organisation, '*'),
  checkpointSubject(organisation),
];

/** Where packages of a ledger's entries are announced. */
export const ledgerSubject = (organisation: string, ledger: string): string =>
  `dockchains.v1.${tokenOf(organisation)}.ledger.${ledger}`;

/** Where published checkpoints of all ledgers are announced. */
export const checkpointSubject = (organisation: string): string =>
  `dockchains.v1.${tokenOf(organisation)}.checkpoint`;

/** Where an organisation answers a question. */
export const questionSubject = (organisation: string, question: Question): string =>
  `dockchains.v1.${tokenOf(organisation)}.${question}`;

/** Where answers to an organisation's own requests come in, on any server. */
export const inboxPrefixOf = (organisation: string): string => `_INBOX_${tokenOf(organisation)}`;
