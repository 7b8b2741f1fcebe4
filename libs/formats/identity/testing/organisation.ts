import { generateKeyPairSync, randomBytes } from 'node:crypto';

import { createCosigner, createNoteSigner, encodeVerifierKey } from '@dockchains/tlog';

import { type CertificateKey, createCertificateKey, type Descriptor, openCertificateKey } from '../index.ts';

/** When the descriptors of the tests are signed. */
export const SIGNED_AT = new Date('2026-11-21T12:00:00.000Z');

/** A new certificate, made an hour before. */
export async function makeCertificate(organisation = 'acme.example'): Promise<CertificateKey> {
  return openCertificateKey(
    await createCertificateKey(organisation, new Date(SIGNED_AT.getTime() - 3_600_000)),
  );
}

/** The first descriptor of an organisation, with new keys. */
export function makeDescriptor(
  { certificate }: Pick<CertificateKey, 'certificate'>,
  organisation = 'acme.example',
): Descriptor {
  const log = (name: string): string => {
    const { privateKey } = generateKeyPairSync('ed25519');
    return encodeVerifierKey(
      createNoteSigner({ name: `${organisation}/ledger/${name}`, privateKey }).verifierKey,
    );
  };
  const cosigner = (name: string): string => {
    const { privateKey } = generateKeyPairSync('ed25519');
    return encodeVerifierKey(createCosigner({ name: `${organisation}/${name}`, privateKey }).verifierKey);
  };
  return {
    organisation,
    number: 1,
    previous: null,
    created: SIGNED_AT.toISOString(),
    certificate,
    keys: {
      logs: { public: log('public'), private: log('private') },
      witness: cosigner('witness'),
      mirror: cosigner('mirror'),
      message: randomBytes(32).toString('base64'),
      nats: 'UDFCFC5KVDSLUDHCCR5EVQ7AQN6OEIVWPY5R22T5C2LYNSD6NMZWUBCY',
      receipt: { kty: 'OKP', crv: 'Ed25519', x: randomBytes(32).toString('base64url') },
      sealing: randomBytes(32).toString('hex'),
    },
    formerKeys: [],
    endpoints: {
      registry: 'registry.acme.example',
      log: 'https://registry.acme.example/log',
      witness: 'https://registry.acme.example/witness',
      mirror: 'https://registry.acme.example/mirror',
      graphql: 'https://registry.acme.example/graphql',
      nats: 'tls://nats.acme.example:4222',
    },
  };
}
