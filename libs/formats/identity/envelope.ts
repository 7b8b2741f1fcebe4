import { hash } from 'node:crypto';

import { z } from 'zod';

import { IdentityError } from './errors.ts';

/** Payload type of a descriptor's envelope. */
const DESCRIPTOR_TYPE = 'application/vnd.dockchains.organisation+json';

/** The longest envelope that is read, in characters. */
export const MAX_ENVELOPE_CHARACTERS = 64 * 1024;

const MAX_SIGNATURES = 8;

const envelopeSchema = z.strictObject({
  payloadType: z.literal(DESCRIPTOR_TYPE),
  payload: z.base64().min(1),
  signatures: z
    .array(
      z.strictObject({
        keyid: z.string().regex(/^[0-9A-F]{40}$/),
        sig: z.base64().min(1).max(4096),
      }),
    )
    .min(1)
    .max(MAX_SIGNATURES),
});

/** A signed descriptor as it travels: the payload's bytes, and OpenPGP signatures over them by the fingerprint of their key. */
export type Envelope = {
  readonly payload: Uint8Array;
  readonly signatures: ReadonlyMap<string, Uint8Array>;
};

/** Reads an envelope; what it says is not believed yet. @throws IdentityError BAD_DESCRIPTOR */
export function parseEnvelope(text: string): Envelope {
  if (text.length > MAX_ENVELOPE_CHARACTERS) {
    throw badEnvelope(`it has more than ${MAX_ENVELOPE_CHARACTERS} characters`);
  }
  const parsed = envelopeSchema.safeParse(parseJson(text));
  if (!parsed.success) throw badEnvelope(z.prettifyError(parsed.error));
  const { payload, signatures } = parsed.data;
  return {
    payload: Buffer.from(payload, 'base64'),
    signatures: new Map(signatures.map(({ keyid, sig }) => [keyid, Buffer.from(sig, 'base64')])),
  };
}

/** The fingerprints of the certificates that an envelope names as its signers; nothing is verified. @throws IdentityError BAD_DESCRIPTOR */
export function namedSigners(text: string): readonly string[] {
  return [...parseEnvelope(text).signatures.keys()];
}

/** Encodes an envelope as JSON, with a newline at the end. */
export function encodeEnvelope({ payload, signatures }: Envelope): string {
  const envelope = {
    payloadType: DESCRIPTOR_TYPE,
    payload: Buffer.from(payload).toString('base64'),
    signatures: [...signatures].map(([keyid, sig]) => ({ keyid, sig: Buffer.from(sig).toString('base64') })),
  };
  return `${JSON.stringify(envelope, null, 2)}\n`;
}

/** What is signed of a payload: DSSE's pre-authentication encoding (DSSE v1, Protocol). */
export function signedBytes(payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(DESCRIPTOR_TYPE)} ${DESCRIPTOR_TYPE} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** SHA-256 of a payload, in lowercase hexadecimal: what the next descriptor names as its `previous`. */
export function payloadHash(payload: Uint8Array): string {
  return hash('sha256', payload);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new IdentityError('BAD_DESCRIPTOR', 'The descriptor of the organisation is not JSON.', { cause });
  }
}

function badEnvelope(reason: string): IdentityError {
  return new IdentityError(
    'BAD_DESCRIPTOR',
    `The envelope of the organisation's descriptor is refused: ${reason}.`,
  );
}
