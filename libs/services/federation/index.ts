export { VIA } from './mirroring/fetch-manifest.ts';
export { FederationError, type FederationErrorCode } from './errors.ts';
export type { Freshness } from './mirroring/freshness.ts';
export { type Mirroring, type MirroringDeps, openMirroring } from './mirroring/mirroring.ts';
export type { MirrorPolicy } from './mirroring/policies.ts';
export type { Peer, Peers } from './peers/peers.ts';
export { type Evidence, type KeptEquivocation, openEvidence } from './gossip/evidence.ts';
export {
  answerConsistency,
  type ConsistencyAnswer,
  type NamedHead,
  parseNamedHead,
} from './gossip/answer-consistency.ts';
export { type Gossip, type GossipDeps, openGossip } from './gossip/gossip.ts';
export { type KnownLog, knownLedger, knownPeer } from './gossip/known-logs.ts';
export { openUndecided, type Undecided, type UndecidedHead } from './gossip/undecided.ts';
export { createHold, type Hold } from './witness/hold.ts';
export {
  type Cosigned,
  encodeCosigned,
  MAX_COSIGNED_BYTES,
  parseCosigned,
  postCosigned,
} from './replication/cosigned.ts';
export { type LogKey, logKeysOf, originOf } from './replication/peer-log.ts';
export type { MirrorFiles } from './replication/mirror-files.ts';
export { type MirrorFile, readMirrorPath } from './replication/mirror-path.ts';
export { hashOrigin } from './replication/replica.ts';
export {
  openReplication,
  type Package,
  type ReplicaSource,
  type ReplicaStatus,
  type Replication,
  type ReplicationDeps,
} from './replication/replication.ts';
export { parsePeerUrl } from './peers/fetch-peer.ts';
export { keepPeersBesideKeys, pinPeer, restorePeers } from './peers/kept-peers.ts';
export { createPeers, type PeersDeps } from './peers/create-peers.ts';
export {
  createOwnDescriptor,
  type OwnDescriptor,
  type OwnDescriptorDeps,
  type SignedDescriptor,
} from './peers/own-descriptor.ts';
export { type ClosedLedger, listClosedLedgers } from './peers/closed-ledgers.ts';
export { keysByRole } from './peers/key-changes.ts';
export { findSealingOnRecord } from './peers/sealing-on-record.ts';
export type { DeadLetter } from './messages/dead-letters.ts';
export { type Messages, type MessagesDeps, openMessages } from './messages/messages.ts';
export { readActivePeers } from './peers/peer-rows.ts';
export {
  askOverHttp,
  type AskWitness,
  type CarriedAnswer,
  fetchNotesOver,
  type WitnessAddress,
} from './witness/ask-witness.ts';
export { type GatherDeps, type Gatherer, startGathering, type WitnessStanding } from './witness/gather.ts';
export { findWitnessedLog } from './witness/known-logs.ts';
export { createPublications, type Publications, type PublicationsDeps } from './witness/publications.ts';
export { createWitness, type Witness, type WitnessAnswer, type WitnessDeps } from './witness/witness.ts';
export { findOwnHeads, type KnownHead, type OwnHeads, type PeerProblem } from './recovery/own-heads.ts';
export { type EntriesRecovered, recoverEntries } from './recovery/recover-entries.ts';
export { type BlobsRecovered, recoverBlobs } from './recovery/recover-blobs.ts';
export { type ManifestsRecovered, recoverManifests } from './recovery/recover-manifests.ts';
export { openHolders } from './mirroring/holders.ts';
