import { jetstream } from '@nats-io/jetstream';
import { createUser } from '@nats-io/nkeys';
import {
  headers as createHeaders,
  jwtAuthenticator,
  type MsgHdrs,
  type NatsConnection,
} from '@nats-io/transport-node';

import { connectBounded } from './bounded-transport.ts';
import {
  encodeOwnAccount,
  issueSystemCredential,
  type NatsAuthority,
  type RevokedUsers,
} from './credentials.ts';
import { type Envelope, envelopeHeaders } from './envelope.ts';
import { MessagingError } from './errors.ts';
import { inboxPrefixOf } from './names.ts';

/** Where to connect to and as whom. */
export type ConnectOptions = {
  /** `nats://` or `tls://` URL. */
  readonly url: string;
  /** Of whoever connects: answers come to its inbox. */
  readonly organisation: string;
  /** Seed (`SU…`) of its user, and the credential that the server's organisation issued for it. */
  readonly seed: string;
  readonly credential: string;
};

/** A connection to one organisation's NATS; it does not mend itself: who needs another opens another. */
export interface Connection {
  readonly nats: NatsConnection;
  /** Resolves when it has ended, by whomever. */
  readonly closed: Promise<void>;
  /**
   * Publishes into a stream; durable as the stream is when it resolves. An `id` (`Nats-Msg-Id`) that was published within the
   * duplicate window is taken once.
   * @throws MessagingError UNREACHABLE
   */
  publish(subject: string, envelope: Envelope, id: string): Promise<void>;
  /** Asks, and gives the answer's payload. @throws MessagingError UNREACHABLE, REFUSED */
  request(subject: string, envelope: Envelope, timeoutMs: number): Promise<Uint8Array>;
  /** Answers requests on a subject until the connection ends; each is answered by one of the gateways. */
  respond(subject: string, answer: (request: Envelope) => Promise<Uint8Array>): void;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5_000;
const PING_INTERVAL_MS = 5_000;
const PUBLISH_TIMEOUT_MS = 5_000;
const PUSH_TIMEOUT_MS = 5_000;
// A peer that asks more at once is refused, and asks over HTTP or later.
const MAX_QUESTIONS = 32;
const REFUSED_HEADER = 'Dockchains-Refused';

/** Connects. @throws MessagingError UNREACHABLE also if the server does not let us in */
export async function openConnection({
  url,
  organisation,
  seed,
  credential,
}: ConnectOptions): Promise<Connection> {
  const nats = await connectTo(
    url,
    organisation,
    jwtAuthenticator(credential, new TextEncoder().encode(seed)),
  );
  const stream = jetstream(nats);
  // What the server refuses later is said by whatever asked for it.
  void drop(nats.status());
  return {
    nats,
    closed: nats.closed().then(() => undefined),
    async publish(subject, { headers, payload }, id) {
      try {
        await stream.publish(subject, payload, {
          ...{ msgID: id, headers: encodeHeaders(headers), timeout: PUBLISH_TIMEOUT_MS },
        });
      } catch (cause) {
        throw unreachable('A message could not be published', cause);
      }
    },
    async request(subject, { headers, payload }, timeoutMs) {
      try {
        const reply = await nats.request(subject, payload, {
          headers: encodeHeaders(headers),
          timeout: timeoutMs,
        });
        if (reply.headers?.has(REFUSED_HEADER) !== true) return reply.data;
      } catch (cause) {
        throw unreachable('A request over NATS had no answer', cause);
      }
      throw new MessagingError('REFUSED', 'A request over NATS was refused by the organisation asked.');
    },
    respond(subject, answer) {
      let underWay = 0;
      nats.subscribe(subject, {
        queue: 'gateways',
        callback: (error, message) => {
          if (error !== null) return;
          const refuse = (): boolean =>
            message.respond(undefined, { headers: encodeHeaders({ [REFUSED_HEADER]: '1' }) });
          if (underWay >= MAX_QUESTIONS) {
            refuse();
            return;
          }
          underWay += 1;
          answer({ headers: decodeHeaders(message.headers), payload: message.data })
            .then((payload) => message.respond(payload), refuse)
            .catch(() => undefined) // the connection is gone, and whoever asked asks again
            .finally(() => (underWay -= 1));
        },
      });
    },
    close: () => nats.close(),
  };
}

/**
 * Tells the organisation's servers who is let in no more; those are cut off at once.
 * @throws MessagingError UNREACHABLE, REFUSED
 */
export async function pushAccount(
  { url, organisation, authority }: { url: string; organisation: string; authority: NatsAuthority },
  revoked: RevokedUsers,
): Promise<void> {
  const user = createUser();
  const credential = await issueSystemCredential(authority, user.getPublicKey());
  const nats = await connectTo(url, organisation, jwtAuthenticator(credential, user.getSeed()));
  try {
    const account = await encodeOwnAccount(organisation, authority, revoked);
    const reply = await nats.request('$SYS.REQ.CLAIMS.UPDATE', account, { timeout: PUSH_TIMEOUT_MS });
    const answer = reply.json<{ data?: { code?: number } }>();
    if (answer.data?.code !== 200) {
      throw new MessagingError('REFUSED', 'The NATS server did not take the account: see its log.');
    }
  } catch (cause) {
    throw cause instanceof MessagingError ? cause : unreachable('The account was not taken', cause);
  } finally {
    await nats.close();
  }
}

/** The headers of a message that came in, as an envelope has them. */
export const decodeHeaders = (headers: MsgHdrs | undefined): Envelope['headers'] =>
  envelopeHeaders((name) => headers?.get(name) ?? '');

const connectTo = async (
  url: string,
  organisation: string,
  authenticator: ReturnType<typeof jwtAuthenticator>,
): Promise<NatsConnection> => {
  try {
    return await connectBounded({
      ...{ servers: url, authenticator, inboxPrefix: inboxPrefixOf(organisation), reconnect: false },
      ...{ timeout: CONNECT_TIMEOUT_MS, pingInterval: PING_INTERVAL_MS, ignoreClusterUpdates: true },
    });
  } catch (cause) {
    throw unreachable('The NATS server does not answer, or does not let us in', cause);
  }
};

const encodeHeaders = (fields: Envelope['headers']): MsgHdrs => {
  const headers = createHeaders();
  for (const [name, value] of Object.entries(fields)) headers.set(name, value);
  return headers;
};

const drop = async (events: AsyncIterable<unknown>): Promise<void> => {
  const iterator = events[Symbol.asyncIterator]();
  while ((await iterator.next()).done !== true);
};

const unreachable = (what: string, cause: unknown): MessagingError =>
  new MessagingError('UNREACHABLE', `${what}: it is tried again, and over HTTP.`, { cause });
