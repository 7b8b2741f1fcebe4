import { z } from 'zod';

import {
  certificateText,
  checkKeys,
  endpoints,
  jsonWebKey,
  natsKey,
  organisationName,
  rawKey,
  sealingKey,
  sha256Hex,
  verifierKey,
} from './fields.ts';

/** The keys that a descriptor certifies, one per role. */
const keys = z.object({
  /** Verifier keys of the logs by ledger; their names are the logs' origins. */
  logs: z.object({ public: verifierKey, private: verifierKey }),
  /** Cosigners' verifier keys (type 0x04), named `<organisation>/witness` and `<organisation>/mirror`. */
  witness: verifierKey,
  mirror: verifierKey,
  /** Ed25519 key of messages, 32 bytes in base64. */
  message: rawKey,
  /** Public nkey of the user as which the organisation connects to its peers' NATS servers, `U…`. */
  nats: natsKey,
  /** Key of receipts, a JWK (RFC 8037). */
  receipt: jsonWebKey,
  /** The point that private scopes are encapsulated to, 32 bytes in hexadecimal. */
  sealing: sealingKey,
});

const role = z.enum([
  'log-public',
  'log-private',
  'witness',
  'mirror',
  'message',
  'nats',
  'receipt',
  'sealing',
  'openpgp',
]);

/** A key that the organisation had, written as `keys` wrote it; of a certificate, its fingerprint. */
const formerKey = z.object({
  role,
  key: z.string().min(1).max(1024),
  /** `replaced`: what it signed stands. `revoked`: nothing that it signed is believed unless a log says it came before. */
  state: z.enum(['replaced', 'revoked']),
});

const MAX_FORMER_KEYS = 64;
const MAX_NUMBER = 2 ** 31 - 1;

/** What a descriptor says; unknown members are ignored, so that a later version may add some. */
export const descriptorSchema = z
  .object({
    organisation: organisationName,
    number: z.int().min(1).max(MAX_NUMBER),
    previous: sha256Hex.nullable(),
    created: z.iso.datetime({ precision: 3 }),
    certificate: certificateText,
    keys,
    formerKeys: z.array(formerKey).max(MAX_FORMER_KEYS),
    endpoints,
  })
  .superRefine(checkKeys);

/**
 * What an organisation says of itself, certified by its OpenPGP certificate: the keys that act for it and where it is
 * reached. `number` starts at 1; `previous` is the SHA-256 (hexadecimal) of the payload of the descriptor before, null in
 * the first; `certificate` is an OpenPGP v4 public certificate in base64.
 */
export type Descriptor = z.infer<typeof descriptorSchema>;

/** A role whose key may be replaced by a new descriptor. */
export type CertifiedRole = z.infer<typeof role>;

/** A key that an organisation had, and whether what it signed still stands. */
export type FormerKey = z.infer<typeof formerKey>;
