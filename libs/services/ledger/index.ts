export type { PreparedEntry } from './append.ts';
export type { Batch, CommitStep, LedgerDeps, LedgerLog } from './context.ts';
export { LedgerError } from './errors.ts';
export type { LedgerErrorCode } from './errors.ts';
export { openLedger } from './ledger.ts';
export type { Ledger, LedgerStatus } from './ledger.ts';
export { gatherLedgers } from './ledgers.ts';
export type { LedgerName, Ledgers } from './ledgers.ts';
export type { FoundEntry, IndexedEntry, Shown } from './reads.ts';
