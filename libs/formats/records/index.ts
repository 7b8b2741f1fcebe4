export { describeRecord } from './describe.ts';
export { encodeRecord, parseRecord } from './entry.ts';
export { RecordError } from './errors.ts';
export type { RecordErrorCode } from './errors.ts';
export { signReceipt, verifyReceipt } from './receipt.ts';
export type { Receipt } from './receipt.ts';
export { isRecordId, parseRecordId, predicateType, STATEMENT_TYPE } from './record.ts';
export type { LedgerRecord, RecordId, RecordKind } from './record.ts';
