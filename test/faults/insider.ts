import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { openKey, openNatsAuthority, openNatsKey } from '@dockchains/keys';
import {
  type Connection,
  type Envelope,
  issueOwnCredential,
  issuePeerCredential,
  type MessageSigner,
  openConnection,
} from '@dockchains/messaging';
import type { TestGateway, TestOrganisation } from '@dockchains/testing';

/** A message as it lies in an organisation's stream. */
export type StoredMessage = { readonly subject: string; readonly envelope: Envelope };

/** Somebody with all that an organisation's gateway has: its users at NATS, its message key. */
export interface Insider {
  readonly signer: MessageSigner;
  readonly connection: Connection;
  /** Asks the server's JetStream API (`$JS.API.<subject>`), `<STREAM>` standing for the organisation's stream. */
  ask(subject: string, request?: object): Promise<Readonly<Record<string, unknown>>>;
  /** The messages of the stream, oldest first. */
  read(): Promise<readonly StoredMessage[]>;
  /** Publishes as the gateway does, under an id that the stream does not know unless one is given. */
  publish(message: StoredMessage, id?: string): Promise<void>;
  close(): Promise<void>;
}

/** Connects to an organisation's own NATS server with its gateway's rights. */
export async function openInsider({ gateway, nats }: TestOrganisation): Promise<Insider> {
  const { organisation } = gateway;
  const keys = keysOf(gateway);
  const user = await openNatsKey(keys);
  const connection = await openConnection({
    ...{ url: nats.url, organisation, seed: user.seed },
    credential: await issueOwnCredential(await openNatsAuthority(keys), user.publicKey),
  });
  const stream = `DC_${organisation.replaceAll('.', '_')}_PUBLIC`;
  const ask = async (subject: string, request: object = {}): Promise<Readonly<Record<string, unknown>>> => {
    const api = `$JS.API.${subject.replace('<STREAM>', stream)}`;
    const reply = await connection.nats.request(api, JSON.stringify(request), { timeout: 30_000 });
    return reply.json<Record<string, unknown>>();
  };
  return {
    ...{ connection, ask },
    signer: { organisation, key: await openKey(keys, 'message') },
    async read() {
      const { state = { first_seq: 1, last_seq: 0 } } = (await ask('STREAM.INFO.<STREAM>')) as {
        state?: { first_seq: number; last_seq: number };
      };
      const messages: StoredMessage[] = [];
      for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
        const { message } = (await ask('STREAM.MSG.GET.<STREAM>', { seq })) as { message?: RawMessage };
        if (message !== undefined) messages.push(parseMessage(message));
      }
      return messages;
    },
    publish: ({ subject, envelope: { headers, payload } }, id = randomUUID()) => {
      const signed = Object.entries(headers).filter(([name]) => name.startsWith('Dockchains-'));
      return connection.publish(subject, { headers: Object.fromEntries(signed), payload }, id);
    },
    close: () => connection.close(),
  };
}

type RawMessage = { readonly subject: string; readonly hdrs?: string; readonly data?: string };

function parseMessage({ subject, hdrs = '', data = '' }: RawMessage): StoredMessage {
  const lines = Buffer.from(hdrs, 'base64').toString().split('\r\n').slice(1);
  const fields = lines.map((line) => /^([^:]+): ?(.*)$/.exec(line) ?? []);
  const headers = Object.fromEntries(fields.map(([, name = '', value = '']) => [name, value]));
  return { subject, envelope: { headers, payload: Buffer.from(data, 'base64') } };
}

/** Connects to an organisation's NATS server as a peer's gateway does, with no more than a peer's rights. */
export async function openPeerUser(at: TestOrganisation, peer: TestGateway): Promise<Connection> {
  const user = await openNatsKey(keysOf(peer));
  const credential = await issuePeerCredential(await openNatsAuthority(keysOf(at.gateway)), {
    ...{ organisation: at.gateway.organisation, peer: peer.organisation, user: user.publicKey },
  });
  return openConnection({
    url: at.nats.url,
    organisation: peer.organisation,
    seed: user.seed,
    credential,
  });
}

/** The message key of a gateway, to sign as it. */
export async function openSigner(gateway: TestGateway): Promise<MessageSigner> {
  return { organisation: gateway.organisation, key: await openKey(keysOf(gateway), 'message') };
}

const keysOf = ({ dataDir }: TestGateway): string => join(dataDir, 'keys');
