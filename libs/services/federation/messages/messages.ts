import { type Fetch, sendOk } from '@dockchains/client';
import {
  consume,
  issuePeerCredential,
  MessagingError,
  openConnection,
  type Question,
  QUESTION_TYPE,
  questionSubject,
  sealEnvelope,
} from '@dockchains/messaging';

import { directFetch } from '../direct-fetch.ts';
import { reachOf } from '../peers/addresses.ts';
import type { Peer } from '../peers/peers.ts';
import { isTheirs } from '../replication/peer-log.ts';
import {
  buryMessage,
  countDeadLetters,
  type DeadLetter,
  dropDeadLetter,
  findDeadLetter,
  listDeadLetters,
} from './dead-letters.ts';
import { type HomeDeps, openHome } from './home.ts';
import { keepOpen, type KeptConnection } from './keep-open.ts';
import { type MessageSink, receiveMessage } from './receive.ts';
import { replayDeadLetter } from './replay.ts';

/** What messages take, and whom they are handed to. */
export type MessagesDeps = HomeDeps & {
  /** Of our own server; undefined where there is none. */
  readonly natsUrl: string | undefined;
  /** Whether servers that are not on this machine may be connected to without TLS. */
  readonly insecure: boolean;
  /** Takes what peers send of their logs; without it their streams are not followed. */
  readonly sink?: MessageSink | undefined;
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
  countDeadLetters(): Promise<number>;
  /**
   * Takes a dead letter in again, and forgets it once what it says is durable; undefined if it is not there.
   * @throws FederationError MESSAGE_REFUSED if it is still not to be believed, MESSAGE_PENDING if what it says is not durable yet
   */
  replayDeadLetter(id: bigint): Promise<DeadLetter | undefined>;
  /** Forgets a dead letter, and gives it; undefined if it is not there. */
  dropDeadLetter(id: bigint): Promise<DeadLetter | undefined>;
  close(): Promise<void>;
}

type Followed = { readonly peer: Peer; readonly kept: KeptConnection };

const QUESTION_TIMEOUT_MS = 3_000;
const MAX_CREDENTIAL_BYTES = 8 * 1024;

/** Connects to our own server and to those of the peers, and keeps to that. Nothing that peers send is believed here. */
export async function openMessages(deps: MessagesDeps): Promise<Messages> {
  const { database, peers, signer, log } = deps;
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
    countDeadLetters: () => countDeadLetters(database),
    replayDeadLetter: (id) => replayDeadLetter(deps, id),
    async dropDeadLetter(id) {
      const letter = await findDeadLetter(database, id);
      return letter !== undefined && (await dropDeadLetter(database, id)) ? letter : undefined;
    },
    async close() {
      forget();
      await following;
      await Promise.all([...followed.values()].map(({ kept }) => kept.close()));
      await home?.close();
    },
  };
}

const mayConnect = (url: string, insecure: boolean): boolean =>
  insecure || url.startsWith('tls:') || reachOf(url) === 'machine';

/** A peer's server: our consumer of its stream. */
const followPeer = (deps: MessagesDeps, peer: Peer, url: string): KeptConnection => {
  const { database, peers, signer, user, log } = deps;
  const fetch = directFetch(deps.fetch);
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
        handle: (delivery, gone) => receiveMessage({ peers, sink }, peer, { ...delivery, gone }),
        isRefusal: (error) => error instanceof MessagingError || isTheirs(error),
        bury: (delivery, error) => {
          const reason = error instanceof Error ? error.message : String(error);
          log.warn({ organisation: peer.organisation }, 'a message was given up on');
          return buryMessage(database, peer.organisation, { delivery, reason });
        },
      })
        .catch((error: unknown) => {
          log.debug({ err: error, organisation: peer.organisation }, 'a stream ended');
        })
        .finally(() => connection.close());
      return Promise.resolve();
    },
    onTrouble: (error) => {
      log.debug({ err: error, organisation: peer.organisation }, 'NATS server of a peer not connected');
    },
  });
};
