export {
  findFormerCertificate,
  findKeptDescriptor,
  keepDescriptor,
  openCertificateFile,
  rotateCertificate,
} from './certificate-key.ts';
export {
  findClosingFile,
  hasInception,
  KeyError,
  openKey,
  writeClosingFile,
  writeInception,
} from './key-files.ts';
export type { KeyErrorCode, KeyRole } from './key-files.ts';
export { findKeptPeers, keepPeers } from './kept-peers.ts';
export { type NatsAuthoritySeeds, type NatsKey, openNatsAuthority, openNatsKey } from './nats-key.ts';
export { findFormerLogKey, ROTATED_ROLES, rotateKey } from './rotate-key.ts';
export { findRevokedKeys, revokeKey, type RevokedKey } from './revoked-keys.ts';
export { openSealingKeys, rotateSealingKey, type SealingKeyFiles } from './sealing-key.ts';
