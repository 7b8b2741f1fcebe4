import {
  certificateFingerprint,
  type Descriptor,
  IdentityError,
  MAX_ENVELOPE_CHARACTERS,
  readKnownDescriptor,
  verifyDescriptor,
} from '@dockchains/identity';
import { parseVerifierKey } from '@dockchains/tlog';

import { ClientError } from './errors.ts';
import { type Fetch, sendOk } from './http.ts';
import { printable } from './text.ts';

/**
 * What a gateway says of its organisation, signed by the OpenPGP certificate in it. Whether that is the organisation's own, its
 * fingerprint tells: it is pinned on first contact and compared later.
 */
export type Organisation = {
  readonly name: string;
  /** Of its certificate: 40 hexadecimal digits, uppercase. */
  readonly fingerprint: string;
  readonly logs: readonly { readonly origin: string; readonly url: string; readonly verifierKey: string }[];
  readonly descriptor: Descriptor;
};

/**
 * Fetches `/.well-known/dockchains/organisation.json` of the gateway at `url`, and verifies it by its own certificate.
 * @throws ClientError of every code
 */
export async function getOrganisation(fetch: Fetch, url: string): Promise<Organisation> {
  const address = `${url}/.well-known/dockchains/organisation.json`;
  const { bytes } = await sendOk(fetch, { url: address, maxBytes: MAX_ENVELOPE_CHARACTERS });
  const envelope = Buffer.from(bytes).toString('utf8');
  const { descriptor, fingerprint } = await verifyByItself(envelope, address);
  const { organisation, keys, endpoints } = descriptor;
  const logs = (['public', 'private'] as const).map((name) => ({
    origin: parseVerifierKey(keys.logs[name]).name,
    url: `${endpoints.log}/${name}`,
    verifierKey: keys.logs[name],
  }));
  return { name: organisation, fingerprint, logs, descriptor };
}

async function verifyByItself(envelope: string, address: string) {
  try {
    const { descriptor } = readKnownDescriptor(envelope, '');
    return await verifyDescriptor(envelope, await certificateFingerprint(descriptor.certificate));
  } catch (cause) {
    if (!(cause instanceof IdentityError)) throw cause;
    throw new ClientError(
      cause.code === 'BAD_DESCRIPTOR' ? 'BAD_RESPONSE' : 'VERIFICATION_FAILED',
      `${printable(address)} does not describe an organisation: ${printable(cause.message)}`,
      { cause },
    );
  }
}
