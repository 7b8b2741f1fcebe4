export type { CertifiedRole, Descriptor, FormerKey } from './descriptor.ts';
export { IdentityError, type IdentityErrorCode } from './errors.ts';
