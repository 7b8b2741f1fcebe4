export { FederationError, type FederationErrorCode } from './errors.ts';
export type { Peer, Peers } from './peers/peers.ts';
