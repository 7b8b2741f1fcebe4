import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';

import { sealingPublicKey } from '@dockchains/escrow';
import {
  createOwnDescriptor,
  createPeers,
  keepPeersBesideKeys,
  type OwnDescriptor,
  type OwnDescriptorDeps,
  type Peers,
} from '@dockchains/federation';
import { openKey, openNatsKey } from '@dockchains/keys';
import { LedgerError } from '@dockchains/ledger';
import { createCosigner, encodeVerifierKey } from '@dockchains/tlog';

import type { GatewayDeps } from './deps.ts';

type FederationDeps = Pick<GatewayDeps, 'config' | 'database' | 'ledgers' | 'log' | 'clock' | 'publicUrl'>;

/** Keys of the descriptor that the gateway has opened already: verifier keys of the logs; `sealing` is the private scalar, 32 bytes. */
type OpenedKeys = {
  readonly receiptKey: KeyObject;
  readonly sealing: Uint8Array;
  readonly logs: { readonly public: string; readonly private: string };
};

/** What the organisation is among others. */
export type Federation = {
  readonly descriptor: OwnDescriptor;
  readonly peers: Peers;
  readonly close: () => Promise<void>;
};

/**
 * Opens the organisation's descriptor and its peers. Where keys or addresses are others than those of the last descriptor, a
 * new one is signed first.
 * @throws KeyError, LedgerError
 */
export async function openFederation(deps: FederationDeps, opened: OpenedKeys): Promise<Federation> {
  const { config, database, ledgers, log, clock } = deps;
  const { organisation, keysDirectory, insecure } = config;
  const descriptor = createOwnDescriptor({
    ...{ database, organisation, keysDirectory, clock, randomBytes },
    ...{ ledgers, now: await describeNow(deps, opened) },
  });
  try {
    await descriptor.renew();
  } catch (error) {
    // Reads go on without: the next start, or whoever asks for it, tries again.
    if (!(error instanceof LedgerError)) throw error;
    log.warn({ err: error }, 'descriptor not renewed');
  }
  const peers = createPeers({
    ...{ database, organisation, clock, log, insecure, fetch: globalThis.fetch, own: descriptor },
  });
  const stopKeeping = keepPeersBesideKeys({ database, keysDirectory, peers, log });
  return {
    ...{ descriptor, peers },
    async close() {
      await stopKeeping();
      await peers.close();
    },
  };
}

async function describeNow(
  { config, publicUrl }: FederationDeps,
  { receiptKey, sealing, logs }: OpenedKeys,
): Promise<OwnDescriptorDeps['now']> {
  const { organisation, keysDirectory } = config;
  const cosigner = async (role: 'witness' | 'mirror'): Promise<string> => {
    const privateKey = await openKey(keysDirectory, role);
    return encodeVerifierKey(createCosigner({ name: `${organisation}/${role}`, privateKey }).verifierKey);
  };
  const { publicKey: nats } = await openNatsKey(keysDirectory);
  return {
    keys: {
      logs,
      witness: await cosigner('witness'),
      mirror: await cosigner('mirror'),
      message: Buffer.from(publicX(await openKey(keysDirectory, 'message')), 'base64url').toString('base64'),
      nats,
      receipt: { kty: 'OKP', crv: 'Ed25519', x: publicX(receiptKey) },
      sealing: Buffer.from(sealingPublicKey(sealing)).toString('hex'),
    },
    endpoints: {
      registry: new URL(publicUrl).host,
      log: `${publicUrl}/log`,
      witness: `${publicUrl}/witness`,
      mirror: `${publicUrl}/mirror`,
      graphql: `${publicUrl}/graphql`,
      nats: config.natsUrl ?? null,
    },
  };
}

/** The public part of an Ed25519 key in base64url (RFC 8037). */
function publicX(key: KeyObject): string {
  return createPublicKey(key).export({ format: 'jwk' }).x ?? '';
}
