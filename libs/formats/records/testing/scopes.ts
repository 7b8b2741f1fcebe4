import { randomBytes } from 'node:crypto';

import {
  generateSealingKey,
  makeScope,
  sealingPanelId,
  sealingPublicKey,
  verifyOpening,
} from '@dockchains/escrow';
import { parseDigest } from '@dockchains/oci';

import {
  encodeRecord,
  type LedgerRecord,
  parseRecordId,
  RecordError,
  type ScopeKey,
  sealRecord,
} from '../index.ts';

const publicKey = sealingPublicKey(generateSealingKey(randomBytes));
/** Makes a scope and gives what opens it. */
const makeKey = (scopeId: string): ScopeKey => {
  const scope = makeScope(
    {
      origin: 'acme.example/ledger/private',
      scopeId,
      panelId: sealingPanelId(publicKey),
      publicKey,
      from: 0,
      to: 86_400,
      repository: 'team/secret-app',
      repoSalt: randomBytes(32),
    },
    randomBytes,
  );
  const D = verifyOpening({ label: scope.label, R: scope.R, publicKey }, scope.opening);
  return { scopeId, label: scope.label, R: scope.R, D };
};

/** What opens a scope. */
export const scope = makeKey('00112233445566778899aabbccddeeff');
/** What opens another scope. */
export const otherScope = makeKey('ffeeddccbbaa99887766554433221100');
/** The id of the sealed record. */
export const recordId = parseRecordId('0123456789abcdef0123456789abcdef');
/** An id that no record has. */
export const otherId = parseRecordId('fedcba9876543210fedcba9876543210');
/** The record that is sealed. */
export const record: Extract<LedgerRecord, { kind: 'tag-set' }> = {
  kind: 'tag-set',
  organisation: 'acme.example',
  repository: 'team/secret-app',
  digest: parseDigest(`sha256:${'0a'.repeat(32)}`),
  recordId,
  time: '2026-01-02T03:04:05.678Z',
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  size: 512,
  tag: '1.0',
};
/** Its bytes. */
export const m = encodeRecord(record);
/** It, sealed under the scope. */
export const sealed = sealRecord({ ...scope, recordId, m });

/** Gives the bits that pass although they were flipped. @throws whatever a flipped bit is refused with, if it is no RecordError */
export function bitsThatPass(bytes: Uint8Array, read: (flipped: Uint8Array) => unknown, step = 1): number[] {
  const passed: number[] = [];
  for (let bit = 0; bit < bytes.length * 8; bit += step) {
    const flipped = Buffer.from(bytes);
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    try {
      read(flipped);
      passed.push(bit);
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
    }
  }
  return passed;
}
