import { parseRecordId, type RecordId } from '@dockchains/records';

/** Makes a record's id: 16 random bytes in lowercase hexadecimal. */
export function newRecordId(randomBytes: (bytes: number) => Buffer): RecordId {
  return parseRecordId(randomBytes(16).toString('hex'));
}
