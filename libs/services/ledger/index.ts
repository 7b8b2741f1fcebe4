export type { PreparedEntry } from './append.ts';
export { findLedgerSize } from './begin.ts';
export {
  closeLedger,
  closingRecord,
  findLedgerLine,
  type LedgerClosing,
  namesOf,
  successorOf,
  predecessorsOf,
} from './closed-ledgers.ts';
export type { Batch, CommitStep, LedgerDeps, LedgerLog } from './context.ts';
export type { Cosigner, Cosigning } from './cosigning.ts';
export type { EntrySource, SourcedEntry } from './entry-source.ts';
export { LedgerError } from './errors.ts';
export type { LedgerErrorCode } from './errors.ts';
export type { KeptHead } from './heads.ts';
export { openLedger } from './ledger.ts';
export type { Ledger, LedgerStatus } from './ledger.ts';
export { gatherLedgers } from './ledgers.ts';
export type { LedgerName, Ledgers } from './ledgers.ts';
export { sequencerLock } from './sequencer.ts';
export type { Cosigned, Publication } from './publish.ts';
export { type LedgerFiles, type LedgerPlace, reachOfFiles, readFileEntries } from './file-entries.ts';
export { findSignedFile, keepSignedFile, type Refill, refillFiles } from './refill.ts';
export type { FoundEntry, IndexedEntry, Shown } from './reads.ts';
export { type SealingKeys, sealingKeysOf } from './sealed/scope-keys.ts';
