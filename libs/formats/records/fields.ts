import { z } from 'zod';

/** 16 random bytes in lowercase hex, unique in a ledger. */
export type RecordId = string & z.$brand<'RecordId'>;

/** A field of so many bytes in lowercase hex. */
export const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));

/** A record's id. */
export const recordId = hex(16).brand<'RecordId'>();

/** A scope's id: 16 random bytes. */
export const scopeId = hex(16);

/** A field of 1 to 512 characters. */
export const shortText = z.string().min(1).max(512);
