import {
  CHECKPOINT_TYPE,
  type CheckpointMessage,
  type Delivery,
  type Handled,
  type LedgerPackage,
  MessagingError,
  openEnvelope,
  PACKAGE_TYPE,
  parseCheckpointMessage,
  parsePackage,
} from '@dockchains/messaging';
import { parseCheckpoint, parseNote } from '@dockchains/tlog';

import type { Peer, Peers } from '../peers/peers.ts';
import { originOf } from '../replication/peer-log.ts';

/**
 * Takes what a peer sent of its own public log, in the order of the calls; what does not follow is fetched instead. Both resolve
 * once what was sent is durable here, however it came, and reject if it is not to be believed, or when the signal is aborted.
 */
export type MessageSink = {
  readonly applyPackage: (organisation: string, sent: LedgerPackage, gone: AbortSignal) => Promise<void>;
  readonly applyCheckpoint: (
    organisation: string,
    sent: CheckpointMessage,
    gone: AbortSignal,
  ) => Promise<void>;
};

/** The message keys of an active peer, former ones that were replaced among them: what they signed stands. */
export async function findMessageKeys(
  peers: Pick<Peers, 'find'>,
  organisation: string,
): Promise<Uint8Array[]> {
  const descriptor = (await peers.find(organisation))?.descriptor;
  if (descriptor === undefined) return [];
  const former = descriptor.formerKeys.filter(
    ({ role, state }) => role === 'message' && state === 'replaced',
  );
  return [descriptor.keys.message, ...former.map(({ key }) => key)].map((key) => Buffer.from(key, 'base64'));
}

/**
 * Takes in a message of a peer's stream: verified to be the peer's, and of its own log. What it carries is verified by whoever
 * applies it: `durable` says when it is done with.
 * @throws MessagingError for what is not to be believed or read
 */
export async function receiveMessage(
  { peers, sink }: { peers: Pick<Peers, 'find' | 'refresh'>; sink: MessageSink },
  peer: Peer,
  delivery: Pick<Delivery, 'headers' | 'payload'> & { readonly gone: AbortSignal },
): Promise<Handled> {
  const opened = await openFromPeer(peers, peer, delivery);
  if (opened.payloadType === PACKAGE_TYPE) {
    const sent = parsePackage(opened.payload);
    requireOwn(peer, sent.origin);
    const size = sizeOf(sent.note);
    if (sent.end > size) {
      throw new MessagingError('BAD_PAYLOAD', `The package ends at ${sent.end}, its note at ${size}.`);
    }
    return { durable: sink.applyPackage(peer.organisation, sent, delivery.gone) };
  }
  if (opened.payloadType !== CHECKPOINT_TYPE) {
    throw new MessagingError('BAD_PAYLOAD', 'The message is of a type that is not known.');
  }
  const sent = parseCheckpointMessage(opened.payload);
  sizeOf(sent.note);
  // Of its other logs nothing is replicated.
  if (sent.origin !== originOf(peer)) return { durable: Promise.resolve() };
  return { durable: sink.applyCheckpoint(peer.organisation, sent, delivery.gone) };
}

/** A key that is not known may be one of a descriptor that was not fetched yet. */
const openFromPeer = async (
  peers: Pick<Peers, 'find' | 'refresh'>,
  peer: Peer,
  delivery: Pick<Delivery, 'headers' | 'payload'>,
): ReturnType<typeof openEnvelope> => {
  const open = (): ReturnType<typeof openEnvelope> =>
    openEnvelope(delivery, (organisation) =>
      organisation === peer.organisation ? findMessageKeys(peers, organisation) : Promise.resolve([]),
    );
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof MessagingError && error.code === 'BAD_ENVELOPE')) throw error;
    await peers.refresh(peer.organisation);
    return open();
  }
};

const requireOwn = (peer: Peer, origin: string): void => {
  if (origin === originOf(peer)) return;
  throw new MessagingError('BAD_PAYLOAD', 'The package is not of the log of whoever signed it.');
};

const sizeOf = (note: string): bigint => {
  try {
    return parseCheckpoint(parseNote(note).text).size;
  } catch (cause) {
    throw new MessagingError('BAD_PAYLOAD', 'The message has no well-formed note.', { cause });
  }
};
