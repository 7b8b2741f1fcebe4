import {
  certificateFingerprint,
  type Descriptor,
  IdentityError,
  type KnownDescriptor,
  readKnownDescriptor,
  verifyDescriptor,
} from '@dockchains/identity';
import { parseVerifierKey } from '@dockchains/tlog';

import { ClientError } from './errors.ts';
import { fetchEnvelope, followDescriptor } from './follow-descriptor.ts';
import type { Fetch } from './http.ts';
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
  const envelope = await fetchEnvelope({ fetch, url });
  return describe(await believed(url, () => verifyByItself(envelope)));
}

/**
 * The organisation whose certificate was pinned, as the gateway at `url` describes it now: where the certificate is another, each replacement
 * on the way is signed by the one before.
 * @throws ClientError of every code
 */
export async function followOrganisation(
  fetch: Fetch,
  { url, fingerprint }: { readonly url: string; readonly fingerprint: string },
): Promise<Organisation> {
  const envelope = await fetchEnvelope({ fetch, url });
  return describe(
    await believed(url, async () => (await followDescriptor({ fetch, url, fingerprint }, envelope)).known),
  );
}

function describe({ descriptor, fingerprint }: KnownDescriptor): Organisation {
  const { organisation, keys, endpoints } = descriptor;
  const logs = (['public', 'private'] as const).map((name) => ({
    origin: parseVerifierKey(keys.logs[name]).name,
    url: `${endpoints.log}/${name}`,
    verifierKey: keys.logs[name],
  }));
  return { name: organisation, fingerprint, logs, descriptor };
}

async function verifyByItself(envelope: string): Promise<KnownDescriptor> {
  const { descriptor } = readKnownDescriptor(envelope, '');
  return verifyDescriptor(envelope, await certificateFingerprint(descriptor.certificate));
}

async function believed<Result>(url: string, verify: () => Promise<Result>): Promise<Result> {
  try {
    return await verify();
  } catch (cause) {
    if (!(cause instanceof IdentityError)) throw cause;
    throw new ClientError(
      cause.code === 'BAD_DESCRIPTOR' ? 'BAD_RESPONSE' : 'VERIFICATION_FAILED',
      `What ${printable(url)} says of its organisation is not believed: ${printable(cause.message)}`,
      { cause },
    );
  }
}
