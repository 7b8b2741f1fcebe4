import { ClientError, type Fetch, fetchEnvelope, followDescriptor, sendOk } from '@dockchains/client';
import { type Descriptor, IdentityError, type KnownDescriptor } from '@dockchains/identity';
import { z } from 'zod';

import { directFetch } from '../direct-fetch.ts';
import { FederationError } from '../errors.ts';
import { type Reach, reachOf } from './addresses.ts';

/** Where and as whom a peer is asked. */
export type PeerRequest = {
  readonly fetch: Fetch;
  /** Root of its gateway. */
  readonly url: string;
  readonly fingerprint: string;
  /** What is known of it: an unchanged envelope is not verified again. */
  readonly kept?: { readonly envelope: string; readonly known: KnownDescriptor } | undefined;
  /** Whether what is not on this machine may be asked without TLS. */
  readonly insecure: boolean;
};

const MAX_PEERS_BYTES = 1024 * 1024;

const peersSchema = z.object({
  peers: z
    .array(z.object({ organisation: z.string().max(253), fingerprint: z.string().max(64) }))
    .max(10_000),
});

/**
 * Fetches a peer's descriptor and verifies it.
 * @throws FederationError PEER_UNREACHABLE, PEER_REFUSED
 */
export async function fetchDescriptor(
  request: PeerRequest,
): Promise<{ envelope: string; known: KnownDescriptor }> {
  const { url, fingerprint, kept } = request;
  const place = { fetch: directFetch(request.fetch), url };
  try {
    const envelope = await fetchEnvelope(place);
    if (kept?.envelope === envelope) return kept;
    const followed = await followDescriptor({ ...place, fingerprint, after: kept?.known }, envelope);
    requireReachable(followed.known.descriptor, request);
    return followed;
  } catch (cause) {
    if (cause instanceof ClientError) throw unreachable(cause);
    if (!(cause instanceof IdentityError)) throw cause;
    throw new FederationError(
      'PEER_REFUSED',
      `What ${url} says of itself is not believed: ${cause.message}`,
      {
        cause,
      },
    );
  }
}

/** Whether a peer has the organisation among its own peers, by its certificate or one that this replaced; false where it does not say. */
export async function hasAdded(
  request: PeerRequest,
  own: { readonly organisation: string; readonly fingerprints: readonly string[] },
): Promise<boolean> {
  try {
    const { bytes } = await ask(request, '/.well-known/dockchains/peers.json', MAX_PEERS_BYTES);
    const { peers } = peersSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    return peers.some(
      ({ organisation, fingerprint }) =>
        organisation === own.organisation && own.fingerprints.includes(fingerprint),
    );
  } catch (error) {
    if (error instanceof FederationError || error instanceof z.ZodError || error instanceof SyntaxError) {
      return false;
    }
    throw error;
  }
}

/** The root of a gateway as it is kept. @throws FederationError PEER_REFUSED */
export function parsePeerUrl(text: string, { insecure }: { insecure: boolean }): string {
  const url = text.length <= 2048 ? URL.parse(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || `${url.search}${url.hash}${url.username}` !== '') {
    throw new FederationError(
      'PEER_REFUSED',
      "A peer's address is the http or https URL of its gateway, such as https://registry.globex.example.",
    );
  }
  if (!isSafe(url, { insecure })) {
    throw new FederationError(
      'PEER_REFUSED',
      `${url.origin} is not on this machine and has no TLS: use its https address, or set DOCKCHAINS_INSECURE=1 on a network that you trust.`,
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** Where a peer says it is reached must be no way into what only this machine, or this network, should be asked. */
function requireReachable({ organisation, endpoints }: Descriptor, { url, insecure }: PeerRequest): void {
  const { log, witness, mirror, graphql, nats } = endpoints;
  for (const endpoint of [log, witness, mirror, graphql, ...(nats === null ? [] : [nats])]) {
    const isSecure = endpoint === nats || isSafe(new URL(endpoint), { insecure });
    if (isSecure && isWithin(reachOf(endpoint), reachOf(url))) continue;
    throw new FederationError(
      'PEER_REFUSED',
      `${organisation} names ${new URL(endpoint).host} as an address of its own, which has no TLS, or is on this machine or network and not its own.`,
    );
  }
}

/** Who is on this machine may be on any network of it too, and who is on a network of ours elsewhere on it. */
function isWithin(reach: Reach, ownReach: Reach): boolean {
  if (reach === 'anywhere' || reach === ownReach) return true;
  return reach === 'private' && ownReach === 'machine';
}

function isSafe(url: URL, { insecure }: { insecure: boolean }): boolean {
  return insecure || url.protocol === 'https:' || reachOf(url.href) === 'machine';
}

async function ask(
  { fetch, url }: PeerRequest,
  path: string,
  maxBytes: number,
): Promise<{ bytes: Uint8Array }> {
  try {
    return await sendOk(directFetch(fetch), { url: `${url}${path}`, maxBytes });
  } catch (cause) {
    if (!(cause instanceof ClientError)) throw cause;
    throw unreachable(cause);
  }
}

function unreachable(cause: ClientError): FederationError {
  return new FederationError('PEER_UNREACHABLE', cause.message, { cause });
}
