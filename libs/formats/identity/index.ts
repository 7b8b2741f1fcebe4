export {
  type CertificateKey,
  certificateFingerprint,
  createCertificateKey,
  openCertificateKey,
} from './certificate.ts';
export type { CertifiedRole, Descriptor, FormerKey } from './descriptor.ts';
export { MAX_ENVELOPE_CHARACTERS, namedSigners } from './envelope.ts';
export { IdentityError, type IdentityErrorCode } from './errors.ts';
export { encodeDescriptor, signDescriptor } from './sign-descriptor.ts';
export {
  type KnownDescriptor,
  readKnownDescriptor,
  requireStanding,
  verifyDescriptor,
} from './verify-descriptor.ts';
