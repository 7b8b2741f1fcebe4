import {
  CHECKPOINT_TYPE,
  type Delivery,
  MessagingError,
  openEnvelope,
  PACKAGE_TYPE,
  parseCheckpointMessage,
  parsePackage,
} from '@dockchains/messaging';
import { parseBundle, parseCheckpoint, parseNote } from '@dockchains/tlog';

import type { Peer, Peers } from '../peers/peers.ts';
import type { Arrival } from '../replication/packages.ts';
import { originOf } from '../replication/peer-log.ts';

/** Who takes what a peer sent of its own public log. */
export type TakeArrival = (origin: string, arrival: Arrival) => void;

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
 * applies it, and fetched over HTTP where it is let go; so it is done with when it was handed over.
 * @throws MessagingError for what is not to be believed or read
 */
export async function receiveMessage(
  { peers, arrive }: { peers: Pick<Peers, 'find' | 'refresh'>; arrive: TakeArrival },
  peer: Peer,
  delivery: Pick<Delivery, 'headers' | 'payload'>,
): Promise<void> {
  const opened = await openFromPeer(peers, peer, delivery);
  if (opened.payloadType === PACKAGE_TYPE) {
    const { origin, start, end, note, bundle } = parsePackage(opened.payload);
    requireOwn(peer, origin);
    const size = sizeOf(note);
    if (end > size) {
      throw new MessagingError('BAD_PAYLOAD', `The package ends at ${end}, its note at ${size}.`);
    }
    const entries = bundle === undefined ? undefined : parseBundle(bundle, Number(end - start));
    if (entries !== undefined) arrive(origin, { note, start, entries, size });
    return;
  }
  if (opened.payloadType !== CHECKPOINT_TYPE) {
    throw new MessagingError('BAD_PAYLOAD', 'The message is of a type that is not known.');
  }
  const { origin, note } = parseCheckpointMessage(opened.payload);
  if (origin === originOf(peer)) arrive(origin, { note, size: sizeOf(note) });
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
