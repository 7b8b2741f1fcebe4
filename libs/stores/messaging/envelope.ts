import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

import { MessagingError } from './errors.ts';

/** The longest payload of a message, in bytes. */
export const MAX_PAYLOAD_BYTES = 512 * 1024;

const SIGNATURE_HEADER = 'Dockchains-Signature';
const TYPE_HEADER = 'Dockchains-Type';
const SIGNATURE = /^([a-z0-9.-]{1,253}) ([A-Za-z0-9+/]{86}==)$/;
const TYPE = /^application\/vnd\.dockchains\.[a-z.+-]{1,64}$/;

/** A message as it travels: the payload, and who signed it in the headers. */
export type Envelope = {
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Uint8Array;
};

/** What a message says, and which organisation's message key signed it. */
export type OpenedMessage = {
  readonly organisation: string;
  readonly payloadType: string;
  readonly payload: Uint8Array;
};

/** Who signs: an organisation and its Ed25519 message key. */
export type MessageSigner = { readonly organisation: string; readonly key: KeyObject };

/** The message keys of an organisation that are believed, 32 bytes each; none if it is not a peer. */
export type FindMessageKeys = (organisation: string) => Promise<readonly Uint8Array[]>;

/**
 * Signs a payload, DSSE's signature being detached into headers: `Dockchains-Signature: <organisation> <base64 of an
 * Ed25519 signature over the PAE>`, `Dockchains-Type: <payload type>`.
 * @throws MessagingError TOO_LARGE
 */
export function sealEnvelope(signer: MessageSigner, payloadType: string, payload: Uint8Array): Envelope {
  if (payload.length > MAX_PAYLOAD_BYTES) throw tooLarge(payload.length);
  const signature = sign(null, encodePae(payloadType, payload), signer.key).toString('base64');
  return {
    headers: { [SIGNATURE_HEADER]: `${signer.organisation} ${signature}`, [TYPE_HEADER]: payloadType },
    payload,
  };
}

/**
 * Verifies who signed a message; where it came from and on which subject proves nothing.
 * @throws MessagingError BAD_ENVELOPE, TOO_LARGE
 */
export async function openEnvelope(
  { headers, payload }: Envelope,
  findMessageKeys: FindMessageKeys,
): Promise<OpenedMessage> {
  if (payload.length > MAX_PAYLOAD_BYTES) throw tooLarge(payload.length);
  const payloadType = headers[TYPE_HEADER] ?? '';
  const [, organisation, signature] = SIGNATURE.exec(headers[SIGNATURE_HEADER] ?? '') ?? [];
  if (organisation === undefined || signature === undefined || !TYPE.test(payloadType)) {
    throw new MessagingError('BAD_ENVELOPE', 'The message has no well-formed type and signature.');
  }
  const signed = encodePae(payloadType, payload);
  const bytes = Buffer.from(signature, 'base64');
  for (const key of await findMessageKeys(organisation)) {
    if (verify(null, signed, toKeyObject(key), bytes)) return { organisation, payloadType, payload };
  }
  throw new MessagingError(
    'BAD_ENVELOPE',
    `The message is not signed by a key that is known of ${organisation}: it may be forged, or its descriptor is newer than the one that is known here.`,
  );
}

/** The headers of an envelope among those of any message: what else there is says nothing. */
export function envelopeHeaders(get: (name: string) => string): Envelope['headers'] {
  return { [SIGNATURE_HEADER]: get(SIGNATURE_HEADER), [TYPE_HEADER]: get(TYPE_HEADER) };
}

/** DSSE v1, pre-authentication encoding. */
const encodePae = (payloadType: string, payload: Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `),
    payload,
  ]);

const toKeyObject = (key: Uint8Array): KeyObject =>
  createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key).toString('base64url') },
    format: 'jwk',
  });

const tooLarge = (bytes: number): MessagingError =>
  new MessagingError('TOO_LARGE', `The message has ${bytes} bytes; at most ${MAX_PAYLOAD_BYTES} are taken.`);
