import { jetstream, jetstreamManager, type JsMsg } from '@nats-io/jetstream';

import { type Connection, decodeHeaders } from './connection.ts';
import type { Envelope } from './envelope.ts';
import { MessagingError } from './errors.ts';
import { consumerOf, streamOf } from './names.ts';

/** A message of a peer's stream. */
export type Delivery = Envelope & { readonly subject: string; readonly attempts: number };

/** What is done with a peer's messages. */
export type ConsumeOptions = {
  /** Whose stream, and who we are there. */
  readonly peer: string;
  readonly organisation: string;
  /** Takes one message at a time, in the stream's order but for what is tried again; throws to be given it again. */
  readonly handle: (delivery: Delivery) => Promise<void>;
  /** Keeps a message that was tried in vain, with the reason; it is not delivered again once this resolves. */
  readonly bury: (delivery: Delivery, reason: unknown) => Promise<void>;
};

/** How often a message is tried before it is buried. */
export const MAX_ATTEMPTS = 5;

const MAX_IN_FLIGHT = 64;
const FIRST_DELAY_MS = 100;

/**
 * Takes messages of a peer's stream through our durable consumer until the connection ends; at least once each.
 * @throws MessagingError UNREACHABLE if there is no such consumer (any more)
 */
export async function consume(
  { nats }: Connection,
  { peer, organisation, handle, bury }: ConsumeOptions,
): Promise<void> {
  try {
    const manager = await jetstreamManager(nats, { checkAPI: false });
    const info = await manager.consumers.info(streamOf(peer), consumerOf(organisation));
    const consumer = jetstream(nats).consumers.getConsumerFromInfo(info);
    const messages = await consumer.consume({
      max_messages: MAX_IN_FLIGHT,
      abort_on_missing_resource: true,
    });
    for await (const message of messages) await deliver(message, { handle, bury });
  } catch (cause) {
    throw new MessagingError('UNREACHABLE', `The stream of ${peer} can't be followed: it is tried again.`, {
      cause,
    });
  }
}

const deliver = async (
  message: JsMsg,
  { handle, bury }: Pick<ConsumeOptions, 'handle' | 'bury'>,
): Promise<void> => {
  const attempts = message.info.deliveryCount;
  const delivery = {
    ...{ headers: decodeHeaders(message.headers), payload: message.data },
    ...{ subject: message.subject, attempts },
  };
  try {
    // One that ends the process each time is not tried for ever.
    if (attempts > MAX_ATTEMPTS) await bury(delivery, new Error('It was given up on before it was handled.'));
    else await handle(delivery);
    message.ack();
  } catch (reason) {
    if (attempts < MAX_ATTEMPTS) {
      message.nak(FIRST_DELAY_MS * 2 ** attempts);
      return;
    }
    await bury(delivery, reason).then(
      () => {
        message.term();
      },
      () => {
        message.nak(FIRST_DELAY_MS * 2 ** MAX_ATTEMPTS);
      },
    );
  }
};
