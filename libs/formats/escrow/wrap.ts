import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';

import { lp } from './encoding.ts';
import { EscrowError } from './errors.ts';
import { G, parsePoint, parseScalar, POINT_BYTES, type RandomBytes, randomScalar } from './group.ts';
import { parseSealingKey, sealingPublicKey } from './sealing-key.ts';

const TAG_BYTES = 16;
// The key is of one message, so its nonce need not change.
const NONCE = new Uint8Array(12);

/** Longest secret that is wrapped, in bytes. */
const MAX_SECRET_BYTES = 4096;

/** Whom and what a wrapped secret is for. `context` says what it is, and has to be the same when it is unwrapped. */
export type WrapTo = { readonly publicKey: Uint8Array; readonly context: Uint8Array };

/**
 * Encrypts a short secret to a sealing key, as HPKE's base mode does (RFC 9180) but over ristretto255: `E ‖ AES-256-GCM`, 48 bytes
 * more than the secret. Who reads it is sure; who wrote it is not.
 * @throws EscrowError BAD_POINT, BAD_WRAPPING
 */
export function wrapSecret(
  { publicKey, context }: WrapTo,
  secret: Uint8Array,
  random: RandomBytes,
): Uint8Array {
  if (secret.length > MAX_SECRET_BYTES) {
    throw new EscrowError('BAD_WRAPPING', `At most ${MAX_SECRET_BYTES} bytes are wrapped.`);
  }
  const Y = parsePoint(publicKey);
  const ephemeral = randomScalar(random);
  const e = parseScalar(ephemeral);
  const E = G.multiply(e).toBytes();
  const key = wrappingKey({ E, publicKey, shared: Y.multiply(e).toBytes(), context });
  ephemeral.fill(0);
  const cipher = createCipheriv('aes-256-gcm', key, NONCE).setAAD(E);
  const sealed = Buffer.concat([E, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  key.fill(0);
  return sealed;
}

/** Reads what was wrapped to a sealing key in the same context. @throws EscrowError BAD_KEY, BAD_WRAPPING */
export function unwrapSecret(
  { sealingKey, context }: { sealingKey: Uint8Array; context: Uint8Array },
  wrapped: Uint8Array,
): Uint8Array {
  const publicKey = sealingPublicKey(parseSealingKey(sealingKey));
  if (
    wrapped.length < POINT_BYTES + TAG_BYTES ||
    wrapped.length > POINT_BYTES + MAX_SECRET_BYTES + TAG_BYTES
  ) {
    throw new EscrowError('BAD_WRAPPING', 'The wrapped secret is too short or too long.');
  }
  const E = wrapped.subarray(0, POINT_BYTES);
  try {
    const shared = parsePoint(E).multiply(parseScalar(sealingKey)).toBytes();
    const key = wrappingKey({ E, publicKey, shared, context });
    const decipher = createDecipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_BYTES })
      .setAAD(E)
      .setAuthTag(wrapped.subarray(-TAG_BYTES));
    const secret = decipher.update(wrapped.subarray(POINT_BYTES, -TAG_BYTES));
    return Buffer.concat([secret, decipher.final()]);
  } catch (cause) {
    throw new EscrowError(
      'BAD_WRAPPING',
      'The wrapped secret does not open: it is damaged, or of another sealing key.',
      { cause },
    );
  }
}

/** HKDF-SHA256 (RFC 5869) of the shared point; both public points and the context go in, so that none can be exchanged. */
function wrappingKey(terms: {
  E: Uint8Array;
  publicKey: Uint8Array;
  shared: Uint8Array;
  context: Uint8Array;
}): Buffer {
  const { E, publicKey, shared, context } = terms;
  const prk = createHmac('sha256', lp('dockchains/v1/wrap'))
    .update(Buffer.concat([shared, E, publicKey]))
    .digest();
  return createHmac('sha256', prk)
    .update(Buffer.concat([lp('dockchains/v1/wrap-key'), lp(context), Uint8Array.of(1)]))
    .digest();
}
