import canonicalize from 'canonicalize';

import type { CertificateKey } from './certificate.ts';
import { type Descriptor, descriptorSchema } from './descriptor.ts';
import { encodeEnvelope, signedBytes } from './envelope.ts';

/** Encodes a descriptor as the canonical JSON (RFC 8785) that is signed. @throws ZodError */
export function encodeDescriptor(descriptor: Descriptor): Uint8Array {
  return Buffer.from(canonicalize(descriptorSchema.parse(descriptor)) ?? '', 'utf8');
}

/**
 * Signs a descriptor, as of its own time, and gives the envelope as JSON. A descriptor that replaces the certificate is
 * signed by the former key too, so that whoever pinned that one can follow.
 * @throws ZodError
 */
export async function signDescriptor(
  descriptor: Descriptor,
  keys: readonly CertificateKey[],
): Promise<string> {
  const payload = encodeDescriptor(descriptor);
  const bytes = signedBytes(payload);
  const at = new Date(descriptor.created);
  const signatures = new Map<string, Uint8Array>();
  for (const key of keys) signatures.set(key.fingerprint, await key.sign(bytes, at));
  return encodeEnvelope({ payload, signatures });
}
