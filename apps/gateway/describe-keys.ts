import { createPublicKey, type KeyObject } from 'node:crypto';

import { sealingPublicKey } from '@dockchains/escrow';
import type { OwnDescriptorDeps } from '@dockchains/federation';
import { openKey, openNatsKey } from '@dockchains/keys';
import { createCosigner, encodeVerifierKey } from '@dockchains/tlog';

import type { Config } from './config.ts';
import type { FolderSealingKeys } from './sealing-keys.ts';

/** Keys of the descriptor that the gateway has opened already: verifier keys of the logs; `sealing` are private scalars, 32 bytes. */
export type OpenedKeys = {
  readonly receiptKey: KeyObject;
  readonly sealing: Pick<FolderSealingKeys, 'newest'>;
  readonly logs: { readonly public: string; readonly private: string };
};

/** The public keys that a descriptor certifies, as the keys folder has them now. @throws KeyError */
export async function describeKeys(
  { organisation, keysDirectory }: Pick<Config, 'organisation' | 'keysDirectory'>,
  { receiptKey, sealing, logs }: OpenedKeys,
): Promise<OwnDescriptorDeps['now']['keys']> {
  const cosigner = async (role: 'witness' | 'mirror'): Promise<string> => {
    const privateKey = await openKey(keysDirectory, role);
    return encodeVerifierKey(createCosigner({ name: `${organisation}/${role}`, privateKey }).verifierKey);
  };
  const { publicKey: nats } = await openNatsKey(keysDirectory);
  return {
    logs,
    witness: await cosigner('witness'),
    mirror: await cosigner('mirror'),
    message: Buffer.from(publicX(await openKey(keysDirectory, 'message')), 'base64url').toString('base64'),
    nats,
    receipt: { kty: 'OKP', crv: 'Ed25519', x: publicX(receiptKey) },
    sealing: Buffer.from(sealingPublicKey(sealing.newest)).toString('hex'),
  };
}

/** The public part of an Ed25519 key in base64url (RFC 8037). */
function publicX(key: KeyObject): string {
  return createPublicKey(key).export({ format: 'jwk' }).x ?? '';
}
