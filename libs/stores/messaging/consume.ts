import { setTimeout as pause } from 'node:timers/promises';

import { jetstream, jetstreamManager, type JsMsg } from '@nats-io/jetstream';

import { type Connection, decodeHeaders } from './connection.ts';
import type { Envelope } from './envelope.ts';
import { MessagingError } from './errors.ts';
import { consumerOf, streamOf } from './names.ts';

/** A message of a peer's stream. */
export type Delivery = Envelope & { readonly subject: string; readonly attempts: number };

/** A message that was taken in: acknowledged once what it says is durable, given again if it is refused after all. */
export type Handled = { readonly durable: Promise<unknown> };

/** What is done with a peer's messages. */
export type ConsumeOptions = {
  /** Whose stream, and who we are there. */
  readonly peer: string;
  readonly organisation: string;
  /**
   * Takes one message at a time, in the stream's order but for what is tried again; throws to be given it again. What is not
   * durable when `gone` is aborted, with the connection, is given again too, and need not be waited for.
   */
  readonly handle: (delivery: Delivery, gone: AbortSignal) => Promise<Handled>;
  /** Whether an error says that the message is not to be believed; any other is our own trouble, and waited out. */
  readonly isRefusal: (reason: unknown) => boolean;
  /** Keeps a message that was tried in vain, with the reason; it is not delivered again once this resolves. */
  readonly bury: (delivery: Delivery, reason: unknown) => Promise<void>;
};

/** How often a message is tried before it is buried. */
export const MAX_ATTEMPTS = 5;

// More than it takes to end the process each time: a message that waits for room on the disk outlives restarts.
const MAX_DELIVERIES = 50;
const MAX_IN_FLIGHT = 32;
// A peer whose messages can't be made durable is asked for no more. The longest row of packages that is sent for one note fits in.
const MAX_UNSETTLED = 128;
const MAX_UNSETTLED_BYTES = 40 * 2 ** 20;
// A server that gives far more than was asked for is left.
const MAX_WAITING = 8 * MAX_IN_FLIGHT;
const WAITING_MS = 100;
const FIRST_DELAY_MS = 100;
const OWN_TROUBLE_MS = 500;
// The server gives a message again that it hears nothing of for 30 seconds.
const WORKING_MS = 10_000;

/**
 * Takes messages of a peer's stream through our durable consumer until the connection ends; at least once each.
 * @throws MessagingError UNREACHABLE if there is no such consumer (any more)
 */
export async function consume(
  { nats, closed }: Connection,
  { peer, organisation, ...options }: ConsumeOptions,
): Promise<void> {
  const gone = new AbortController();
  const unsettled = new Unsettled();
  void closed.then(() => {
    gone.abort();
    unsettled.end();
  });
  const timers = [
    setInterval(() => {
      unsettled.keep();
    }, WORKING_MS).unref(),
  ];
  try {
    const manager = await jetstreamManager(nats, { checkAPI: false });
    const info = await manager.consumers.info(streamOf(peer), consumerOf(organisation));
    const consumer = jetstream(nats).consumers.getConsumerFromInfo(info);
    const messages = await consumer.consume({
      max_messages: MAX_IN_FLIGHT,
      abort_on_missing_resource: true,
    });
    timers.push(
      setInterval(() => {
        if (messages.getPending() > MAX_WAITING) void nats.close();
      }, WAITING_MS).unref(),
    );
    for await (const message of messages) {
      await unsettled.awaitRoom();
      unsettled.add(message);
      const settling = await deliver(message, { ...options, gone: gone.signal });
      void (settling?.settled ?? Promise.resolve()).finally(() => {
        unsettled.drop(message);
      });
    }
  } catch (cause) {
    throw new MessagingError('UNREACHABLE', `The stream of ${peer} can't be followed: it is tried again.`, {
      cause,
    });
  } finally {
    for (const timer of timers) clearInterval(timer);
  }
}

/** Messages that were handed over and are not durable yet, bounded in number and bytes. */
class Unsettled {
  readonly #messages = new Set<JsMsg>();
  #bytes = 0;
  #isOver = false;
  #roomMade: (() => void) | undefined;

  add(message: JsMsg): void {
    this.#messages.add(message);
    this.#bytes += message.data.length;
  }

  drop(message: JsMsg): void {
    this.#messages.delete(message);
    this.#bytes -= message.data.length;
    this.#roomMade?.();
  }

  get #isFull(): boolean {
    return this.#messages.size >= MAX_UNSETTLED || this.#bytes >= MAX_UNSETTLED_BYTES;
  }

  async awaitRoom(): Promise<void> {
    while (this.#isFull && !this.#isOver) {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      this.#roomMade = () => {
        resolve(undefined);
      };
      await promise;
    }
  }

  /** Lets the server know that they are not forgotten. */
  keep(): void {
    if (this.#isOver) return;
    for (const message of this.#messages) message.working();
  }

  end(): void {
    this.#isOver = true;
    this.#roomMade?.();
  }
}

type Delivering = Pick<ConsumeOptions, 'handle' | 'bury' | 'isRefusal'> & { readonly gone: AbortSignal };

/** Hands a message over; what it gives is undefined if the message was answered, else resolves when it was. */
const deliver = async (message: JsMsg, options: Delivering): Promise<Settling | undefined> => {
  const attempts = message.info.deliveryCount;
  const delivery = {
    ...{ headers: decodeHeaders(message.headers), payload: message.data },
    ...{ subject: message.subject, attempts },
  };
  try {
    if (attempts > MAX_DELIVERIES) {
      throw new MessagingError('REFUSED', 'The message was given up on before it was handled.');
    }
    const { durable } = await handleWhenWell(delivery, options);
    return { settled: settle(message, { ...options, delivery, durable }) };
  } catch (reason) {
    if (!options.gone.aborted) await giveBack(message, { ...options, delivery, reason });
    return undefined;
  }
};

/** While our own stores are away no message is tried in vain, and none behind it. */
const handleWhenWell = async (
  delivery: Delivery,
  { handle, isRefusal, gone }: Delivering,
): Promise<Handled> => {
  for (;;) {
    try {
      return await handle(delivery, gone);
    } catch (reason) {
      if (gone.aborted || isRefusal(reason)) throw reason;
      await pause(OWN_TROUBLE_MS, undefined, { signal: gone });
    }
  }
};

/** In an object, since a promise that resolves to a promise waits for it. */
type Settling = { readonly settled: Promise<void> };

const settle = async (
  message: JsMsg,
  { durable, ...options }: Delivering & Handled & { readonly delivery: Delivery },
): Promise<void> => {
  const refused = await durable.then(
    () => undefined,
    (reason: unknown) => ({ reason }),
  );
  try {
    if (options.gone.aborted) return;
    if (refused === undefined) message.ack();
    else await giveBack(message, { ...options, ...refused });
  } catch {
    // The connection has just gone: the server gives what was not answered again.
  }
};

const giveBack = async (
  message: JsMsg,
  {
    bury,
    isRefusal,
    delivery,
    reason,
  }: Delivering & { readonly delivery: Delivery; readonly reason: unknown },
): Promise<void> => {
  if (delivery.attempts < MAX_ATTEMPTS || !isRefusal(reason)) {
    message.nak(FIRST_DELAY_MS * 2 ** Math.min(delivery.attempts, MAX_ATTEMPTS));
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
};
