import { type Fetch, sendOk } from '@dockchains/client';
import type { Database } from '@dockchains/database';
import type { Ledger } from '@dockchains/ledger';
import {
  type Connection,
  consume,
  encodeServerAccounts,
  encodeWitnessReply,
  ensureAnnouncements,
  issueOwnCredential,
  issuePeerCredential,
  type MessageSigner,
  MessagingError,
  type NatsAuthority,
  openConnection,
  openEnvelope,
  pushAccount,
  type Question,
  QUESTION_TYPE,
  questionSubject,
  sealEnvelope,
  type WitnessReply,
} from '@dockchains/messaging';

import type { Peer, Peers } from '../peers/peers.ts';
import { parseCosigned } from '../replication/cosigned.ts';
import {
  buryMessage,
  type DeadLetter,
  dropDeadLetter,
  findDeadLetter,
  listDeadLetters,
} from './dead-letters.ts';
import { keepOpen, type KeptConnection } from './keep-open.ts';
import { findMessageKeys, receiveMessage, type MessageSink } from './receive.ts';
import { type SenderDeps, sendNews } from './sender.ts';

/** What messages take, and whom they are handed to. */
export type MessagesDeps = {
  readonly database: Database;
  readonly peers: Pick<Peers, 'list' | 'all' | 'find' | 'refresh' | 'onChange'>;
  readonly ledgers: Pick<SenderDeps['ledgers'], 'public'> & {
    readonly all: readonly Pick<Ledger, 'origin' | 'publishedCheckpoint' | 'addCosignatures'>[];
  };
  readonly signer: MessageSigner;
  /** Our user at every NATS server, our own and the peers'. */
  readonly user: { readonly seed: string; readonly publicKey: string };
  readonly authority: NatsAuthority;
  /** Of our own server; undefined where there is none. */
  readonly natsUrl: string | undefined;
  /** Whether servers that are not on this machine may be connected to without TLS. */
  readonly insecure: boolean;
  /** Puts the accounts where our server includes them from when it starts. */
  readonly writeAccounts: (configuration: string) => Promise<void>;
  /** Takes what peers send of their logs; without it their streams are not followed. */
  readonly sink?: MessageSink | undefined;
  /** Our witness; without it peers ask it over HTTP alone. */
  readonly addCheckpoint?: ((body: Uint8Array) => Promise<WitnessReply>) | undefined;
  readonly log: { warn(fields: object, event: string): void; debug(fields: object, event: string): void };
  readonly fetch?: Fetch;
};

/** Messages between us and our peers. */
export interface Messages {
  /** Looks for what is to be sent, now; a hint, for the gateway that has just signed or published. */
  wake(): void;
  /** Asks a peer over its NATS. @throws MessagingError UNREACHABLE (ask over HTTP then), REFUSED */
  ask(organisation: string, question: Question, payload: Uint8Array): Promise<Uint8Array>;
  /** The credential by which a peer's user is let in at our server; undefined for who is no peer, or where there is no server. */
  findCredential(organisation: string): Promise<string | undefined>;
  /** Whether our own server is connected, and whose are. */
  status(): { readonly own: boolean; readonly peers: readonly string[] };
  listDeadLetters(page: { after: bigint; limit: number }): Promise<readonly DeadLetter[]>;
  /** Takes a dead letter in again, and forgets it if that succeeds; false if it is not there. @throws MessagingError */
  replayDeadLetter(id: bigint): Promise<boolean>;
  dropDeadLetter(id: bigint): Promise<boolean>;
  close(): Promise<void>;
}

type Followed = { readonly peer: Peer; readonly kept: KeptConnection };

const QUESTION_TIMEOUT_MS = 3_000;
const SWEEP_MS = 1_000;
const MAX_CREDENTIAL_BYTES = 8 * 1024;

/** Connects to our own server and to those of the peers, and keeps to that. Nothing that peers send is believed here. */
export async function openMessages(deps: MessagesDeps): Promise<Messages> {
  const { database, peers, signer, sink, log } = deps;
  const { organisation } = signer;
  const followed = new Map<string, Followed>();
  const home = deps.natsUrl === undefined ? undefined : await openHome(deps, deps.natsUrl);

  const follow = async (): Promise<void> => {
    const active = deps.natsUrl === undefined ? [] : await peers.list();
    for (const [name, { peer, kept }] of followed) {
      const now = active.find((one) => one.organisation === name);
      if (now?.descriptor.endpoints.nats === peer.descriptor.endpoints.nats && now.url === peer.url) continue;
      followed.delete(name);
      await kept.close();
    }
    for (const peer of active) {
      const url = peer.descriptor.endpoints.nats;
      if (url === null || !mayConnect(url, deps.insecure) || followed.has(peer.organisation)) continue;
      followed.set(peer.organisation, { peer, kept: followPeer(deps, peer, url) });
    }
  };
  let following = follow();
  const forget = peers.onChange(() => {
    following = following.then(follow).catch((error: unknown) => {
      log.warn({ err: error }, 'following peers over NATS failed');
    });
  });
  await following;

  return {
    wake: () => home?.send(),
    async ask(peer, question, payload) {
      const connection = followed.get(peer)?.kept.find();
      if (connection === undefined) {
        throw new MessagingError('UNREACHABLE', `There is no connection to the NATS server of ${peer} now.`);
      }
      const envelope = sealEnvelope(signer, QUESTION_TYPE, payload);
      return connection.request(questionSubject(peer, question), envelope, QUESTION_TIMEOUT_MS);
    },
    async findCredential(peer) {
      const user = (await peers.find(peer))?.descriptor.keys.nats;
      if (user === undefined || home === undefined) return undefined;
      return issuePeerCredential(deps.authority, { organisation, peer, user });
    },
    status: () => ({
      own: home?.kept.find() !== undefined,
      peers: [...followed].filter(([, { kept }]) => kept.find() !== undefined).map(([name]) => name),
    }),
    listDeadLetters: (page) => listDeadLetters(database, page),
    async replayDeadLetter(id) {
      const letter = await findDeadLetter(database, id);
      const peer = letter && (await peers.find(letter.organisation));
      if (letter === undefined) return false;
      if (peer === undefined || sink === undefined) {
        throw new MessagingError('REFUSED', `Messages of ${letter.organisation} are not taken now.`);
      }
      await receiveMessage({ peers, sink }, peer, letter);
      return dropDeadLetter(database, id);
    },
    dropDeadLetter: (id) => dropDeadLetter(database, id),
    async close() {
      forget();
      await following;
      await Promise.all([...followed.values()].map(({ kept }) => kept.close()));
      await home?.close();
    },
  };
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

const mayConnect = (url: string, insecure: boolean): boolean =>
  insecure || url.startsWith('tls:') || LOOPBACK.test(new URL(url).hostname);

type Home = { readonly kept: KeptConnection; send(): void; close(): Promise<void> };

/** Our own server: who may come in, our stream, the answers to peers' questions, and what is sent. */
const openHome = async (deps: MessagesDeps, url: string): Promise<Home> => {
  const { peers, signer, authority, user, log, writeAccounts } = deps;
  const { organisation } = signer;
  const findRevoked = async (): Promise<string[]> => {
    const gone = (await peers.all()).filter(({ state }) => state === 'removed');
    return gone.map(({ descriptor }) => descriptor.keys.nats);
  };
  const admit = async (connection: Connection | undefined): Promise<void> => {
    const revoked = await findRevoked();
    await writeAccounts(await encodeServerAccounts(organisation, authority, revoked));
    if (connection === undefined) return;
    await pushAccount({ url, organisation, authority }, revoked);
    const active = (await peers.list()).map((peer) => peer.organisation);
    await ensureAnnouncements(connection, { organisation, peers: active });
  };
  await admit(undefined);

  let sent = new Map<string, string>();
  const kept = keepOpen({
    open: async () =>
      openConnection({
        ...{ url, organisation, seed: user.seed },
        credential: await issueOwnCredential(authority, user.publicKey),
      }),
    use: async (connection) => {
      sent = new Map();
      await admit(connection);
      answerQuestions(connection, deps);
    },
    onTrouble: (error) => {
      log.debug({ err: error }, 'own NATS server not connected');
    },
  });

  // One sending at a time; what comes up meanwhile is sent by the next.
  let sending: Promise<void> | undefined;
  let isAskedAgain = false;
  const send = (): void => {
    const connection = kept.find();
    if (connection === undefined) return;
    if (sending !== undefined) {
      isAskedAgain = true;
      return;
    }
    sending = sendNews(connection, deps, sent)
      .catch((error: unknown) => {
        log.debug({ err: error }, 'sending to the stream failed, it is tried again');
      })
      .finally(() => {
        sending = undefined;
        if (!isAskedAgain) return;
        isAskedAgain = false;
        send();
      });
  };
  const sweep = setInterval(send, SWEEP_MS).unref();
  let admitting = Promise.resolve();
  const forget = peers.onChange(() => {
    admitting = admitting
      .then(() => admit(kept.find()))
      .catch((error: unknown) => {
        log.warn({ err: error }, 'the NATS server was not told of a change of peers: it is tried again');
        return kept.find()?.close(); // connecting anew tells it
      });
  });
  return {
    ...{ kept, send },
    async close() {
      forget();
      clearInterval(sweep);
      await admitting;
      await sending;
      await kept.close();
    },
  };
};

const answerQuestions = (connection: Connection, deps: MessagesDeps): void => {
  const { peers, ledgers, signer } = deps;
  const open = async (envelope: Parameters<typeof openEnvelope>[0]): Promise<Uint8Array> => {
    const opened = await openEnvelope(envelope, (organisation) => findMessageKeys(peers, organisation));
    if (opened.payloadType === QUESTION_TYPE) return opened.payload;
    throw new MessagingError('BAD_ENVELOPE', 'The message is not a question.');
  };
  const { addCheckpoint } = deps;
  if (addCheckpoint !== undefined) {
    connection.respond(questionSubject(signer.organisation, 'witness'), async (request) =>
      encodeWitnessReply(await addCheckpoint(await open(request))),
    );
  }
  connection.respond(questionSubject(signer.organisation, 'cosigned'), async (request) => {
    const { origin, size, lines } = parseCosigned(await open(request));
    await ledgers.all.find((ledger) => ledger.origin === origin)?.addCosignatures(size, lines);
    return new Uint8Array();
  });
};

/** A peer's server: our consumer of its stream. */
const followPeer = (deps: MessagesDeps, peer: Peer, url: string): KeptConnection => {
  const { database, peers, signer, user, log, fetch = globalThis.fetch } = deps;
  const { organisation } = signer;
  return keepOpen({
    open: async () => {
      const { bytes } = await sendOk(fetch, {
        ...{ url: `${peer.url}/federation/nats/${organisation}`, maxBytes: MAX_CREDENTIAL_BYTES },
      });
      const credential = Buffer.from(bytes).toString();
      return openConnection({ url, organisation, seed: user.seed, credential });
    },
    use: (connection) => {
      const { sink } = deps;
      if (sink === undefined) return Promise.resolve();
      consume(connection, {
        ...{ peer: peer.organisation, organisation },
        handle: (delivery) => receiveMessage({ peers, sink }, peer, delivery),
        bury: (delivery, error) => {
          const reason = error instanceof Error ? error.message : String(error);
          log.warn({ organisation: peer.organisation }, 'a message was given up on');
          return buryMessage(database, peer.organisation, { delivery, reason });
        },
      }).catch((error: unknown) => {
        log.debug({ err: error, organisation: peer.organisation }, 'a stream ended');
        return connection.close();
      });
      return Promise.resolve();
    },
    onTrouble: (error) => {
      log.debug({ err: error, organisation: peer.organisation }, 'NATS server of a peer not connected');
    },
  });
};
