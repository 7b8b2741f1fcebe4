import { digestOf } from '@dockchains/oci';

import { RecordError } from '../errors.ts';
import { parseRecord } from '../entry.ts';
import type { RecordId } from '../fields.ts';
import type { LedgerRecord } from '../record.ts';
import { BODY_TAG_BYTES, decryptBody, encryptBody } from './body.ts';
import { commit, deriveKey, deriveSalt, extract, recordContext, type ScopeKey } from './derive.ts';
import { encodeSealedEntry, parseSealedEntry, SEALED_TYPE, verifyBody } from './sealed-entry.ts';

/** A sealed record: what stands in the ledger, its body, and the salt and key that disclose it alone, 32 bytes each. */
export type SealedRecord = {
  readonly entry: Uint8Array;
  readonly body: Uint8Array;
  readonly salt: Uint8Array;
  readonly key: Uint8Array;
};

/** A sealed record that was opened, with what discloses it alone. */
export type OpenedRecord = { readonly m: Uint8Array; readonly salt: Uint8Array; readonly key: Uint8Array };

/**
 * Seals a record of at most 65,532 bytes under its scope (escrow.md, Record). The same record under the same id gives the same bytes.
 * @throws RecordError TOO_LARGE
 */
export function sealRecord({
  recordId,
  m,
  ...scope
}: ScopeKey & { recordId: RecordId; m: Uint8Array }): SealedRecord {
  const prk = extract(scope);
  const rec = recordContext(scope.label, recordId);
  const salt = deriveSalt(prk, rec);
  const c = commit(rec, salt, m);
  const key = deriveKey(prk, rec, c);
  const body = encryptBody({ key, rec, c }, m);
  const entry = encodeSealedEntry({
    _type: SEALED_TYPE,
    v: 1,
    scopeId: scope.scopeId,
    recordId,
    c: c.toString('hex'),
    bodyDigest: digestOf(body),
    bucket: body.length - BODY_TAG_BYTES,
  });
  return { entry, body, salt, key };
}

/**
 * Opens a sealed record of a scope: entry, body digest, padding and commitment are all checked.
 * @throws RecordError BAD_SEALED_ENTRY, NOT_CANONICAL, BAD_BODY, BAD_PADDING, BAD_COMMITMENT
 */
export function openRecord({
  entry,
  body,
  ...scope
}: ScopeKey & { entry: Uint8Array; body: Uint8Array }): OpenedRecord {
  const sealed = parseSealedEntry(entry);
  if (sealed.scopeId !== scope.scopeId) {
    throw new RecordError('BAD_SEALED_ENTRY', 'The sealed entry is of another scope.');
  }
  verifyBody(sealed, body);
  const prk = extract(scope);
  const rec = recordContext(scope.label, sealed.recordId);
  const c = Buffer.from(sealed.c, 'hex');
  const key = deriveKey(prk, rec, c);
  const m = decryptBody({ key, rec, c }, body);
  const salt = deriveSalt(prk, rec);
  if (!commit(rec, salt, m).equals(c)) {
    throw new RecordError(
      'BAD_COMMITMENT',
      'The sealed record is not the one that the entry is committed to.',
    );
  }
  return { m, salt, key };
}

/**
 * Reads what a sealed entry of that id hid: a record of the same id.
 * @throws RecordError as parseRecord; BAD_RECORD if it is of another id
 */
export function parseOpenedRecord(m: Uint8Array, recordId: RecordId): LedgerRecord {
  const record = parseRecord(m);
  if (record.recordId === recordId) return record;
  throw new RecordError('BAD_RECORD', 'The sealed record has another id than its entry.');
}
