import type { Database } from '@dockchains/database';
import type { Ledger } from '@dockchains/ledger';
import {
  type Connection,
  encodeServerAccounts,
  encodeWitnessReply,
  ensureAnnouncements,
  hasAnnouncements,
  issueOwnCredential,
  type MessageSigner,
  MessagingError,
  type NatsAuthority,
  openConnection,
  openEnvelope,
  pushAccount,
  QUESTION_TYPE,
  questionSubject,
  type WitnessReply,
} from '@dockchains/messaging';

import type { Peers } from '../peers/peers.ts';
import { parseCosigned } from '../replication/cosigned.ts';
import { keepOpen, type KeptConnection } from './keep-open.ts';
import { findMessageKeys } from './receive.ts';
import { type SenderDeps, sendNews } from './sender.ts';

/** What our own server is kept by. */
export type HomeDeps = {
  readonly database: Database;
  readonly peers: Pick<Peers, 'list' | 'all' | 'find' | 'refresh' | 'onChange'>;
  readonly ledgers: Pick<SenderDeps['ledgers'], 'public'> & {
    readonly all: readonly Pick<Ledger, 'origin' | 'publishedCheckpoint' | 'addCosignatures'>[];
  };
  readonly signer: MessageSigner;
  /** Our user at every NATS server, our own and the peers'. */
  readonly user: { readonly seed: string; readonly publicKey: string };
  readonly authority: NatsAuthority;
  /** Former keys of that user, which an operator has revoked: public nkeys. */
  readonly revokedUsers: readonly string[];
  /** Puts the accounts where our server includes them from when it starts. */
  readonly writeAccounts: (configuration: string) => Promise<void>;
  /** Our witness; without it peers ask it over HTTP alone. */
  readonly addCheckpoint?: ((body: Uint8Array) => Promise<WitnessReply>) | undefined;
  readonly log: { warn(fields: object, event: string): void; debug(fields: object, event: string): void };
};

const SWEEP_MS = 1_000;
const CHECK_MS = 5_000;

/** Our own server, as long as it is kept connected. */
export type Home = { readonly kept: KeptConnection; send(): void; close(): Promise<void> };

/** Keeps our own server connected: who may come in, our stream, the answers to peers' questions, and what is sent. */
export async function openHome(deps: HomeDeps, url: string): Promise<Home> {
  const { peers, signer, authority, user, log, writeAccounts } = deps;
  const { organisation } = signer;
  const findRevoked = async (): Promise<string[]> => {
    const ofPeers = (await peers.all()).flatMap(({ state, descriptor }) => [
      ...(state === 'removed' ? [descriptor.keys.nats] : []),
      ...descriptor.formerKeys.flatMap((former) =>
        former.role === 'nats' && former.state === 'revoked' ? [former.key] : [],
      ),
    ]);
    return [...new Set([...ofPeers, ...deps.revokedUsers])];
  };
  const admit = async (connection: Connection | undefined): Promise<void> => {
    const revoked = await findRevoked();
    await writeAccounts(await encodeServerAccounts(organisation, authority, revoked));
    if (connection === undefined) return;
    await pushAccount({ url, organisation, authority }, revoked);
    await ensureAnnouncements(connection, await findAnnounced());
  };
  const findAnnounced = async () => ({
    ...{ organisation, peers: (await peers.list()).map((peer) => peer.organisation) },
  });
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
        check();
      })
      .finally(() => {
        sending = undefined;
        if (!isAskedAgain) return;
        isAskedAgain = false;
        send();
      });
  };
  let admitting = Promise.resolve();
  let isChecking = false;
  // What somebody deleted at the server while we were connected is made again.
  const check = (): void => {
    if (isChecking) return;
    isChecking = true;
    admitting = admitting
      .then(async () => {
        const connection = kept.find();
        if (connection === undefined) return;
        const announced = await findAnnounced();
        if (await hasAnnouncements(connection, announced)) return;
        log.warn({ organisation }, 'the stream or a consumer of it was gone, and is made again');
        await ensureAnnouncements(connection, announced);
      })
      .catch((error: unknown) => {
        log.debug({ err: error }, 'the stream could not be looked at, it is tried again');
      })
      .finally(() => {
        isChecking = false;
      });
  };
  const sweeps = [setInterval(send, SWEEP_MS).unref(), setInterval(check, CHECK_MS).unref()];
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
      for (const sweep of sweeps) clearInterval(sweep);
      isAskedAgain = false;
      // First, so that what waits for the server's answers ends at once.
      await kept.close();
      await admitting;
      await sending;
    },
  };
}

const answerQuestions = (connection: Connection, deps: HomeDeps): void => {
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
