import { generateKeyPairSync } from 'node:crypto';

import {
  type CertificateKey,
  openCertificateKey,
  createCertificateKey,
  signDescriptor,
} from '@dockchains/identity';
import { buildLog } from '@dockchains/testing';
import { encodeConsistency } from '@dockchains/tlog';

import { makeDescriptor } from '../../libs/formats/identity/testing/organisation.ts';
import { entriesOf } from '../../libs/services/federation/testing/replicas.ts';
import { serveWeb, type Web } from '../../libs/services/federation/testing/web.ts';
import {
  type GrowingLog,
  makeGrowingLog,
} from '../../libs/services/federation/witness/testing/growing-log.ts';

/** One of the histories that a malicious organisation shows, at an address of its own. */
export interface View {
  /** What peers of this view add, and all that they see of the organisation. */
  readonly web: Web;
  /** Shows the public ledger of this history with so many entries. */
  show(size: number): Promise<void>;
  /** Asks a witness, as an organisation does, to cosign this history of a ledger; gives the status. */
  submit(witness: string, ledger: 'public' | 'private', oldSize: number, size: number): Promise<number>;
  /** The proof that this history of the private ledger extends its own beginning, as a log answers. */
  explanation(oldSize: number, size: number): Promise<Buffer>;
}

/** An organisation with keys of its own that signs two histories, and tells its peers apart by where they ask. */
export interface MaliciousOrigin {
  readonly organisation: string;
  readonly fingerprint: string;
  /** A C2SP tlog-policy with the keys of its ledgers. */
  readonly policy: string;
  readonly views: readonly [View, View];
  close(): Promise<void>;
}

/** Starts one, whose ledgers are empty for everybody before it shows anything. */
export async function startMaliciousOrigin(organisation: string): Promise<MaliciousOrigin> {
  const made = new Date(Date.now() - 60_000);
  const certificate = await openCertificateKey(await createCertificateKey(organisation, made));
  const { privateKey } = generateKeyPairSync('ed25519');
  const ofPrivate = generateKeyPairSync('ed25519').privateKey;
  const logs = {
    public: await buildLog({ organisation, privateKey, size: 0 }),
    private: await buildLog({ organisation, privateKey: ofPrivate, name: 'private', size: 0 }),
  };
  const described = makeDescriptor(certificate, organisation);
  described.keys.logs = { public: logs.public.verifierKey, private: logs.private.verifierKey };
  described.created = made.toISOString();

  const open = async (history: string): Promise<View> => {
    const web = await serveWeb();
    const endpoints = {
      ...{ registry: new URL(web.url).host, log: `${web.url}/log`, graphql: `${web.url}/graphql` },
      ...{ witness: `${web.url}/witness`, mirror: `${web.url}/mirror`, nats: null },
    };
    await describe(web, certificate, { ...described, endpoints });
    for (const [ledger, { files }] of Object.entries(logs)) {
      web.files.set(`/log/${ledger}/checkpoint`, files.get('checkpoint') ?? Buffer.alloc(0));
    }
    const growing: Record<'public' | 'private', GrowingLog> = {
      public: await makeGrowingLog({ organisation, privateKey, history }),
      private: await makeGrowingLog({ organisation, privateKey: ofPrivate, history, name: 'private' }),
    };
    return {
      web,
      async show(size) {
        const entries = entriesOf(organisation, size, history);
        const { files } = await buildLog({ organisation, privateKey, entries });
        for (const [path, bytes] of files) web.files.set(`/log/public/${path}`, bytes);
      },
      async submit(witness, ledger, oldSize, size) {
        const body = await growing[ledger].submission(oldSize, size);
        return (await fetch(`${witness}/add-checkpoint`, { method: 'POST', body })).status;
      },
      explanation: async (oldSize, size) =>
        Buffer.from(encodeConsistency(await growing.private.proof(oldSize, size))),
    };
  };
  const views = await Promise.all([open('true'), open('another')]);
  return {
    ...{ organisation, views, fingerprint: certificate.fingerprint },
    policy: `log ${logs.public.verifierKey}\nlog ${logs.private.verifierKey}\nquorum none\n`,
    async close() {
      await Promise.all(views.map(({ web }) => web.close()));
    },
  };
}

async function describe(
  web: Web,
  certificate: CertificateKey,
  descriptor: Parameters<typeof signDescriptor>[0],
): Promise<void> {
  const envelope = await signDescriptor(descriptor, [certificate]);
  web.files.set('/.well-known/dockchains/organisation.json', Buffer.from(envelope));
  web.files.set('/.well-known/dockchains/peers.json', Buffer.from('{"peers":[]}'));
}
