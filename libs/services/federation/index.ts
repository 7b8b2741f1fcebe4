export { FederationError, type FederationErrorCode } from './errors.ts';
