import { MessagingError } from '@dockchains/messaging';

import type { FederationFault } from './federation-faults.ts';
import { type Insider, openInsider, type StoredMessage } from './insider.ts';
import { choose } from './seeded.ts';

/** Something that is done to an organisation's stream, or to what lies in it; it is over when this resolves. */
export type MessageFault = { readonly name: string; readonly apply: (insider: Insider) => Promise<void> };

/** Publishes all messages of a stream anew, under ids that it does not know. */
export async function replayAll(insider: Insider): Promise<void> {
  for (const message of await insider.read()) await insider.publish(message);
}

/** Takes everything out of a stream and puts it back, the newest first, each message twice. */
export async function reverseAll(insider: Insider): Promise<void> {
  const messages = await insider.read();
  await insider.ask('STREAM.PURGE.<STREAM>');
  for (const message of messages.toReversed()) {
    await insider.publish(message);
    await insider.publish(message);
  }
}

/** Flips one bit of a payload. */
export function flipPayload({ subject, envelope }: StoredMessage): StoredMessage {
  const payload = Buffer.from(envelope.payload);
  const at = payload.length >> 1;
  payload.writeUInt8(payload.readUInt8(at) ^ 1, at);
  return { subject, envelope: { ...envelope, payload } };
}

/** Changes one character of a header. */
export function alterHeader({ subject, envelope }: StoredMessage, name: string, at: number): StoredMessage {
  const value = envelope.headers[name] ?? '';
  const other = value.charAt(at) === 'A' ? 'B' : 'A';
  const headers = { ...envelope.headers, [name]: value.slice(0, at) + other + value.slice(at + 1) };
  return { subject, envelope: { ...envelope, headers } };
}

/** Publishes the newest message with a bit flipped in its payload, and in its signature. */
export async function corruptNewest(insider: Insider): Promise<void> {
  const newest = (await insider.read()).at(-1);
  if (newest === undefined) return;
  await insider.publish(flipPayload(newest));
  await insider.publish(alterHeader(newest, 'Dockchains-Signature', 60));
}

const done = async (asked: Promise<unknown>): Promise<void> => {
  await asked;
};

/** What can be done to messages, each alone or in any mixture. */
export const STREAM_FAULTS: readonly MessageFault[] = [
  { name: 'replay', apply: replayAll },
  { name: 'reverse and double', apply: reverseAll },
  { name: 'corrupt', apply: corruptNewest },
  { name: 'purge', apply: (insider) => done(insider.ask('STREAM.PURGE.<STREAM>')) },
  { name: 'delete the stream', apply: (insider) => done(insider.ask('STREAM.DELETE.<STREAM>')) },
  {
    name: 'delete the consumers',
    apply: async (insider) => {
      const { consumers = [] } = (await insider.ask('CONSUMER.NAMES.<STREAM>')) as {
        consumers?: readonly string[];
      };
      for (const name of consumers) await insider.ask(`CONSUMER.DELETE.<STREAM>.${name}`);
    },
  },
];

/** The same as faults of a federation, at an organisation that is drawn; there is nothing to mend. */
export const MESSAGE_FAULTS: readonly FederationFault[] = STREAM_FAULTS.map(({ name, apply }) => ({
  ...{ name: `messages: ${name}`, strikes: 'organisation', joins: false },
  inject: async ({ organisations }, random) => {
    const insider = await openInsider(choose(organisations, random));
    try {
      await apply(insider);
    } catch (error) {
      // A server that has just come back has no stream yet, and then there is nothing to do any harm to.
      if (!(error instanceof MessagingError)) throw error;
    } finally {
      await insider.close();
    }
    return () => Promise.resolve();
  },
}));
