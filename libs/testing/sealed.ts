import { randomBytes } from 'node:crypto';

import {
  generateSealingKey,
  makeScope,
  openWithKey,
  sealingPanelId,
  sealingPublicKey,
} from '@dockchains/escrow';
import { encodeDisclosure, encodeRecord, type LedgerRecord, sealRecord } from '@dockchains/records';

/** A record as a private ledger holds it, and what shows it alone. */
export type SealedExample = {
  readonly entry: Uint8Array;
  readonly body: Uint8Array;
  readonly disclosure: Uint8Array;
};

/** Seals a record under a scope and a sealing key of its own. */
export function sealExample(record: LedgerRecord): SealedExample {
  const sealingKey = generateSealingKey(randomBytes);
  const publicKey = sealingPublicKey(sealingKey);
  const scopeId = randomBytes(16).toString('hex');
  const { label, R } = makeScope(
    {
      origin: `${record.organisation}/ledger/private`,
      scopeId,
      panelId: sealingPanelId(publicKey),
      publicKey,
      from: 1_800_000_000,
      to: 1_800_086_400,
      repository: 'repository' in record ? record.repository : '',
      repoSalt: randomBytes(32),
    },
    randomBytes,
  );
  const m = encodeRecord(record);
  const D = openWithKey(sealingKey, R);
  const { entry, body, salt, key } = sealRecord({ scopeId, label, R, D, recordId: record.recordId, m });
  return { entry, body, disclosure: encodeDisclosure({ entry, label, m, salt, key }) };
}
