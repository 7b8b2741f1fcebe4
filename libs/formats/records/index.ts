export { describeRecord } from './describe.ts';
export { encodeRecord, parseRecord } from './entry.ts';
export { RecordError } from './errors.ts';
export type { RecordErrorCode } from './errors.ts';
export type { RecordId } from './fields.ts';
export { signReceipt, verifyReceipt } from './receipt.ts';
export type { Receipt } from './receipt.ts';
export { isManifestRecord, isRecordId, parseRecordId, predicateType, STATEMENT_TYPE } from './record.ts';
export type { LedgerRecord, ManifestRecord, NamedRecord, RecordKind, ScopeRecord } from './record.ts';
export type { ScopeKey } from './sealed/derive.ts';
export { DISCLOSURE_VERDICT, encodeDisclosure, isDisclosure, verifyDisclosure } from './sealed/disclosure.ts';
export type { Disclosure, VerifiedDisclosure } from './sealed/disclosure.ts';
export { openRecord, parseOpenedRecord, sealRecord } from './sealed/seal.ts';
export type { OpenedRecord, SealedRecord } from './sealed/seal.ts';
export {
  encodeSealedEntry,
  isSealedEntry,
  parseSealedEntry,
  SEALED_BEGINNING,
} from './sealed/sealed-entry.ts';
export type { SealedEntry } from './sealed/sealed-entry.ts';
