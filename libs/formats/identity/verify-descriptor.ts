import canonicalize from 'canonicalize';
import { z } from 'zod';

import { certificateFingerprint, verifySignature } from './certificate.ts';
import { type Descriptor, descriptorSchema } from './descriptor.ts';
import { type Envelope, parseEnvelope, payloadHash, signedBytes } from './envelope.ts';
import { IdentityError } from './errors.ts';

/** A descriptor that was verified. */
export type KnownDescriptor = {
  readonly descriptor: Descriptor;
  /** SHA-256 of its payload in hexadecimal. */
  readonly hash: string;
  /** Of its certificate: 40 hexadecimal digits, uppercase. */
  readonly fingerprint: string;
};

/**
 * Verifies an envelope by the certificate of this fingerprint. With `after`, the newest descriptor known, it must be that one
 * or a later one of the same organisation; numbers may be left out. Only behind a known one may the certificate change:
 * the descriptor is then signed by the old certificate and by the new one, whose fingerprint is in the answer.
 * @throws IdentityError of every code
 */
export async function verifyDescriptor(
  envelope: string,
  fingerprint: string,
  { after }: { after?: KnownDescriptor | undefined } = {},
): Promise<KnownDescriptor> {
  const parsed = parseEnvelope(envelope);
  const descriptor = parsePayload(parsed.payload);
  const current = await certificateFingerprint(descriptor.certificate);
  await requireSignature(parsed, descriptor.certificate, current);
  if (current !== fingerprint) {
    if (after?.fingerprint !== fingerprint) throw otherCertificate(descriptor, current);
    requireStanding(descriptor, fingerprint);
    await requireSignature(parsed, after.descriptor.certificate, fingerprint);
  }
  const known = { descriptor, hash: payloadHash(parsed.payload), fingerprint: current };
  if (after !== undefined) requireSuccessor(known, after);
  return known;
}

/**
 * Checks that a descriptor which was reached from the certificate of this fingerprint does not call that one revoked: whoever has its key
 * could have signed the way here.
 * @throws IdentityError BAD_CERTIFICATE
 */
export function requireStanding({ organisation, formerKeys }: Descriptor, fingerprint: string): void {
  const isRevoked = formerKeys.some(
    ({ role, key, state }) => role === 'openpgp' && key === fingerprint && state === 'revoked',
  );
  if (!isRevoked) return;
  throw new IdentityError(
    'BAD_CERTIFICATE',
    `${organisation} has revoked the certificate ${fingerprint}, which is the one that was pinned: nothing that it signs is followed. Ask the organisation for the fingerprint of its new one.`,
  );
}

/** Reads an envelope that was verified before, and kept. @throws IdentityError BAD_DESCRIPTOR */
export function readKnownDescriptor(envelope: string, fingerprint: string): KnownDescriptor {
  const { payload } = parseEnvelope(envelope);
  return { descriptor: parsePayload(payload), hash: payloadHash(payload), fingerprint };
}

function parsePayload(payload: Uint8Array): Descriptor {
  let value: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload);
    value = JSON.parse(text);
    // Two parsers could read two things from any other form.
    if (canonicalize(value) !== text) throw badDescriptor('it is not canonical JSON (RFC 8785)');
  } catch (cause) {
    if (cause instanceof IdentityError) throw cause;
    throw badDescriptor('it is not JSON in UTF-8', cause);
  }
  const parsed = descriptorSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw badDescriptor(z.prettifyError(parsed.error), parsed.error);
}

async function requireSignature(
  { payload, signatures }: Envelope,
  certificate: string,
  fingerprint: string,
): Promise<void> {
  const signature = signatures.get(fingerprint);
  if (signature === undefined) {
    throw new IdentityError(
      'BAD_SIGNATURE',
      `The descriptor is not signed by the certificate ${fingerprint}.`,
    );
  }
  await verifySignature(certificate, { bytes: signedBytes(payload), signature });
}

function requireSuccessor({ descriptor, hash }: KnownDescriptor, after: KnownDescriptor): void {
  const known = after.descriptor;
  const { organisation, number, previous } = descriptor;
  if (organisation !== known.organisation) {
    throw new IdentityError(
      'CONFLICT',
      `The descriptor is of ${organisation}, and the one known by this certificate is of ${known.organisation}.`,
    );
  }
  if (number < known.number) {
    throw new IdentityError(
      'OLD_DESCRIPTOR',
      `${organisation} shows its descriptor ${number}, and ${known.number} is known already.`,
    );
  }
  const continues = number > known.number + 1 || (number === known.number ? hash : previous) === after.hash;
  if (continues) return;
  throw new IdentityError(
    'CONFLICT',
    `Descriptor ${number} of ${organisation} contradicts the one that is known: two were signed in one place.`,
  );
}

function otherCertificate({ organisation }: Descriptor, current: string): IdentityError {
  return new IdentityError(
    'BAD_CERTIFICATE',
    `The descriptor of ${organisation} is by the certificate ${current}, which is not the one that was pinned.`,
  );
}

function badDescriptor(reason: string, cause?: unknown): IdentityError {
  return new IdentityError('BAD_DESCRIPTOR', `The organisation's descriptor is refused: ${reason}.`, {
    cause,
  });
}
