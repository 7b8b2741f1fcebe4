export { type Connection, type ConnectOptions, openConnection, pushAccount } from './connection.ts';
export { consume, type ConsumeOptions, type Delivery, type Handled, MAX_ATTEMPTS } from './consume.ts';
export {
  encodeOwnAccount,
  encodeServerAccounts,
  issueOwnCredential,
  issuePeerCredential,
  type NatsAuthority,
  type RevokedUsers,
} from './credentials.ts';
export {
  type Envelope,
  type FindMessageKeys,
  MAX_PAYLOAD_BYTES,
  type MessageSigner,
  openEnvelope,
  type OpenedMessage,
  sealEnvelope,
} from './envelope.ts';
export { MessagingError, type MessagingErrorCode } from './errors.ts';
export { checkpointSubject, ledgerSubject, type Question, questionSubject } from './names.ts';
export {
  CHECKPOINT_TYPE,
  type CheckpointMessage,
  encodeCheckpointMessage,
  encodePackage,
  encodeWitnessReply,
  type LedgerPackage,
  PACKAGE_TYPE,
  parseCheckpointMessage,
  parsePackage,
  parseWitnessReply,
  QUESTION_TYPE,
  type WitnessReply,
} from './payloads.ts';
export { ensureAnnouncements, hasAnnouncements } from './stream.ts';
