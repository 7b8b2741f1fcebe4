export {
  type Account,
  type AccountMutation,
  changeAccount,
  listAccounts,
  listNamespaceRules,
  listRepositories,
  type NamespaceRule,
  removeNamespaceRule,
  type RepositorySummary,
  setNamespaceRule,
} from './administration.ts';
export { type AuditOptions, auditLog, type AuditResult } from './audit.ts';
export type { AuditFinding } from './audit-finding.ts';
export { type AuditState, encodeAuditState, parseAuditState } from './audit-state.ts';
export {
  type CatalogStatus,
  getCatalog,
  rebuildCatalog,
  searchRepositories,
  type SearchResult,
} from './catalog.ts';
export { fetchEnvelope, followDescriptor } from './follow-descriptor.ts';
export { verifyCheckpoint } from './checkpoint.ts';
export { collect, type CollectionStep, type CollectOptions } from './collection.ts';
export {
  changeDeadLetter,
  countDeadLetters,
  type DeadLetter,
  type DeadLetterMutation,
  listDeadLetters,
} from './dead-letters.ts';
export { ClientError, type ClientErrorCode } from './errors.ts';
export {
  type EvidenceSubject,
  MAX_EVIDENCE_BYTES,
  type VerifiedEvidence,
  verifyEvidence,
} from './evidence.ts';
export { graphql, type Operation } from './graphql.ts';
export { changeImmutableTagRule, type ImmutableTagRule, listImmutableTagRules } from './immutable-tags.ts';
export { type EquivocationSummary, listEquivocations } from './equivocations.ts';
export { type BoundedRequest, type BoundedResponse, type Fetch, send, sendOk } from './http.ts';
export { inOrder } from './in-order.ts';
export type { StreamedResponse } from './http-stream.ts';
export {
  listMirrorPolicies,
  type MirrorPolicy,
  removeMirrorPolicy,
  setMirrorPolicy,
} from './mirror-policies.ts';
export { type LogReader, openDirectoryLog, openGatewayLog, openHttpLog } from './log.ts';
export { findMirroredProof } from './mirror-proof.ts';
export {
  type Artifact,
  findLedger,
  getArtifact,
  getRecord,
  type LedgerHead,
  type RecordStatus,
} from './operations.ts';
export { followOrganisation, getOrganisation, type Organisation } from './organisation.ts';
export { addPeer, findPeer, listPeers, type PeerSummary, removePeer } from './peers.ts';
export { type FetchedManifest, getBlob, getManifest, listTags } from './registry.ts';
export {
  openSession,
  type PathRequest,
  type Session,
  type SessionOptions,
  type StreamedPathRequest,
  verifyCredentials,
} from './session.ts';
export { printable } from './text.ts';
export { setRepositoryVisibility } from './visibility.ts';
export type { Credentials } from './token.ts';
export {
  createRobot,
  listRobots,
  type NewRobot,
  revokeRobot,
  type RobotSecret,
  rotateRobot,
} from './robots.ts';
export { type ClosedLedgerSummary, listClosedLedgers } from './closed-ledgers.ts';
export { listUndecidedHeads, type UndecidedHeadSummary } from './undecided-heads.ts';
