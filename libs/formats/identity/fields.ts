import { COSIGNATURE_TYPE, ED25519_TYPE, parseVerifierKey, TlogError } from '@dockchains/tlog';
import { z } from 'zod';

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const MAX_CERTIFICATE_CHARACTERS = 32 * 1024;

/** A DNS name in lowercase. */
export const organisationName = z.string().regex(HOST_NAME, 'is not a DNS name in lowercase');

/** A SHA-256 in lowercase hexadecimal. */
export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, 'is not a SHA-256 in hexadecimal');

/** A point in hexadecimal. */
export const sealingKey = z.string().regex(/^[0-9a-f]{64}$/, 'is not a key of 32 bytes in hexadecimal');

/** A vkey (C2SP signed-note, Verifier keys). */
export const verifierKey = z.string().max(512).refine(isVerifierKey, 'is not a verifier key');

/** 32 bytes in base64, with padding. */
export const rawKey = z
  .string()
  .regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/, 'is not a key of 32 bytes in base64');

/** A user's public nkey. */
export const natsKey = z.string().regex(/^U[A-Z2-7]{55}$/, "is not a user's public nkey");

/** An Ed25519 public key as a JWK (RFC 8037). */
export const jsonWebKey = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});

/** An OpenPGP certificate in base64. */
export const certificateText = z.base64().min(1).max(MAX_CERTIFICATE_CHARACTERS);

const httpUrl = z
  .string()
  .max(2048)
  .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), 'is not an http or https URL')
  .refine((text) => !/[\s?#]|\/$/.test(text), 'has a query, a fragment or a slash at the end');

/** Where an organisation is reached. */
export const endpoints = z.object({
  /** `host[:port]` as in image references. */
  registry: z
    .string()
    .regex(/^(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?$/, 'is not host[:port]'),
  /** Below it: `/<ledger>/checkpoint` and the tiles. */
  log: httpUrl,
  /** Below it: `/add-checkpoint`. */
  witness: httpUrl,
  /** Below it: `/<hex of SHA-256 of the origin>/checkpoint`. */
  mirror: httpUrl,
  graphql: httpUrl,
  /** `nats://` or `tls://` URL of its own server; null where it has none. */
  nats: z
    .string()
    .max(2048)
    .refine((text) => /^(?:nats|tls):$/.test(URL.parse(text)?.protocol ?? ''), 'is not a nats or tls URL')
    .nullable(),
});

type NamedKeys = {
  readonly organisation: string;
  readonly keys: {
    readonly logs: { readonly public: string; readonly private: string };
    readonly witness: string;
    readonly mirror: string;
    readonly message: string;
    readonly receipt: { readonly x: string };
  };
};

/** Each key is the organisation's own by its name, of its role's type, and none serves two roles. */
export function checkKeys({ organisation, keys }: NamedKeys, context: z.RefinementCtx): void {
  const named = [
    logKey('public', keys.logs.public, organisation),
    logKey('private', keys.logs.private, organisation),
    { path: 'witness', text: keys.witness, name: `${organisation}/witness`, type: COSIGNATURE_TYPE },
    { path: 'mirror', text: keys.mirror, name: `${organisation}/mirror`, type: COSIGNATURE_TYPE },
  ];
  const raw = [Buffer.from(keys.message, 'base64'), Buffer.from(keys.receipt.x, 'base64url')];
  for (const { path, text, name, type } of named) {
    const key = parseVerifierKey(text);
    if (key.name !== name) context.addIssue(`keys.${path} is not named ${name}`);
    if (key.type !== type) context.addIssue(`keys.${path} is of signature type ${key.type}, not ${type}`);
    raw.push(Buffer.from(key.publicKey));
  }
  if (new Set(raw.map((bytes) => bytes.toString('hex'))).size < raw.length) {
    context.addIssue('one key serves two roles');
  }
}

/** A ledger that had to be closed is followed by `<origin>/2`, and so on. */
function logKey(path: 'public' | 'private', text: string, organisation: string) {
  const name = `${organisation}/ledger/${path}`;
  const [successor = ''] = /^\/(?:[2-9]|[1-9][0-9]{1,2})(?=\+)/.exec(text.slice(name.length)) ?? [];
  return { path, text, name: `${name}${successor}`, type: ED25519_TYPE };
}

function isVerifierKey(text: string): boolean {
  try {
    parseVerifierKey(text);
    return true;
  } catch (error) {
    if (error instanceof TlogError) return false;
    throw error;
  }
}
