import type { Database } from '@dockchains/database';
import { MessagingError } from '@dockchains/messaging';

import { FederationError } from '../errors.ts';
import type { Peers } from '../peers/peers.ts';
import { isTheirs } from '../replication/peer-log.ts';
import { type DeadLetter, dropDeadLetter, findDeadLetter } from './dead-letters.ts';
import { type MessageSink, receiveMessage } from './receive.ts';

/** What takes a dead letter in. */
export type ReplayDeps = {
  readonly database: Database;
  readonly peers: Pick<Peers, 'find' | 'refresh'>;
  readonly sink?: MessageSink | undefined;
};

const TIMEOUT_MS = 5_000;

/**
 * Takes a dead letter in as if it had just come, and forgets it once what it says is durable; undefined if there is none of the id.
 * @throws FederationError MESSAGE_REFUSED, MESSAGE_PENDING
 */
export async function replayDeadLetter(
  { database, peers, sink }: ReplayDeps,
  id: bigint,
): Promise<DeadLetter | undefined> {
  const letter = await findDeadLetter(database, id);
  if (letter === undefined) return undefined;
  const peer = await peers.find(letter.organisation);
  if (peer === undefined || sink === undefined) {
    throw new FederationError('MESSAGE_REFUSED', `Messages of ${letter.organisation} are not taken now.`);
  }
  const gone = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const { durable } = await receiveMessage({ peers, sink }, peer, { ...letter, gone });
    await durable;
  } catch (cause) {
    if (gone.aborted) {
      const text = `What message ${id} says is not durable here yet: it is kept, try again.`;
      throw new FederationError('MESSAGE_PENDING', text, { cause });
    }
    if (cause instanceof MessagingError || isTheirs(cause)) {
      const text = `Message ${id} is still not taken: ${cause.message}`;
      throw new FederationError('MESSAGE_REFUSED', text, { cause });
    }
    throw cause;
  }
  await dropDeadLetter(database, id);
  return letter;
}
