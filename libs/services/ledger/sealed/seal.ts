import {
  encodeRecord,
  type LedgerRecord,
  openRecord,
  parseOpenedRecord,
  parseSealedEntry,
  sealRecord,
} from '@dockchains/records';

import { hashed, type PreparedEntry } from '../append.ts';
import type { PublicScope, ScopeKeys } from './scope-keys.ts';
import { ensureScope, type SealedContext } from './scopes.ts';

/** Seals the records of an organisation's own ledger, and opens them again. */
export interface Sealer {
  readonly keyOf: ScopeKeys;
  /** Seals records of one repository under its open scope, which is opened on record if there is none. */
  prepare(repository: string, records: readonly LedgerRecord[]): Promise<PreparedEntry[]>;
  /** Opens an entry. @throws RecordError if entry, body and scope do not belong together; LedgerError KEY_MISSING */
  open(parts: PublicScope & { readonly entry: Uint8Array; readonly body: Uint8Array }): Promise<LedgerRecord>;
}

/** Makes the sealer of a ledger. */
export function createSealer(context: SealedContext, keyOf: ScopeKeys): Sealer {
  return {
    keyOf,
    async prepare(repository, records) {
      const scope = await ensureScope(context, repository);
      const { scopeId, repoSalt } = scope;
      const key = await keyOf(scope);
      return records.map((record) => {
        const { recordId } = record;
        const { entry, body } = sealRecord({ ...key, recordId, m: encodeRecord(record) });
        return { ...hashed(recordId, entry), sealed: { scopeId, repoSalt, body } };
      });
    },
    async open({ entry, body, ...scope }) {
      const { m } = openRecord({ ...(await keyOf(scope)), entry, body });
      return parseOpenedRecord(m, parseSealedEntry(entry).recordId);
    },
  };
}
