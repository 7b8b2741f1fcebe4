import type { Ledger } from '@dockchains/ledger';
import type { Digest, RepositoryName } from '@dockchains/oci';
import { type RecordId, signReceipt } from '@dockchains/records';
import { hashLeaf } from '@dockchains/tlog';

import type { RegistryDeps } from './deps.ts';

/** What a receipt promises: that this record, of this manifest, will be in the ledger. */
export interface Promised {
  readonly recordId: RecordId;
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

// An entry is published within a second or so; a day leaves room for an organisation that was down.
const MAX_MERGE_DELAY_SECONDS = 86_400;

/** An entry whose inclusion is promised; a sealed one with its scope. */
export interface PromisedEntry {
  /** RFC 6962 §2.1, 32 bytes. */
  readonly leafHash: Uint8Array;
  readonly scope?: { readonly scopeId: string; readonly repoSalt: Uint8Array } | undefined;
}

/** Signs the receipt of a record of a ledger (escrow.md, Receipts). */
export function signReceiptOf(
  { receiptKey, clock }: RegistryDeps,
  { origin }: Pick<Ledger, 'origin'>,
  { leafHash, scope, ...promised }: Promised & PromisedEntry,
): string {
  const includedBy = Math.floor(clock().getTime() / 1000) + MAX_MERGE_DELAY_SECONDS;
  const sealed = scope && { scopeId: scope.scopeId, repoSalt: toHex(scope.repoSalt) };
  return signReceipt({ origin, ...promised, leafHash: toHex(leafHash), includedBy, ...sealed }, receiptKey);
}

/** Signs a receipt of a record that the ledger has had for a while; undefined if it has none of that id. */
export async function findReceipt(
  deps: RegistryDeps,
  ledger: Ledger,
  promised: Promised,
): Promise<string | undefined> {
  const found = await ledger.findEntry(promised.recordId);
  if (found === undefined) return undefined;
  return signReceiptOf(deps, ledger, { ...promised, leafHash: hashLeaf(found.entry), scope: found.scope });
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
