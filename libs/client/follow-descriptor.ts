import {
  certificateFingerprint,
  type Descriptor,
  IdentityError,
  type KnownDescriptor,
  MAX_ENVELOPE_CHARACTERS,
  readKnownDescriptor,
  requireStanding,
  verifyDescriptor,
} from '@dockchains/identity';

import { type Fetch, sendOk } from './http.ts';

/** A descriptor that was verified, with the envelope that it came in. */
export type FollowedDescriptor = { readonly envelope: string; readonly known: KnownDescriptor };

/** Where descriptors come from, and what is known of the organisation. */
export type FollowRequest = {
  readonly fetch: Fetch;
  /** Root of its gateway. */
  readonly url: string;
  /** Of the certificate that is pinned: 40 hexadecimal digits, uppercase. */
  readonly fingerprint: string;
  /** The newest one that is known, if any is. */
  readonly after?: KnownDescriptor | undefined;
};

// A change of certificate is rare, and changes of keys and addresses between two of them are few.
const MAX_STEPS = 256;

/** Fetches the descriptor that a gateway shows, or the one of a number. Nothing is verified. @throws ClientError */
export async function fetchEnvelope(
  { fetch, url }: Pick<FollowRequest, 'fetch' | 'url'>,
  number?: number,
): Promise<string> {
  const path = number === undefined ? 'organisation.json' : `organisation/${number}.json`;
  const address = `${url}/.well-known/dockchains/${path}`;
  const { bytes } = await sendOk(fetch, { url: address, maxBytes: MAX_ENVELOPE_CHARACTERS });
  return Buffer.from(bytes).toString('utf8');
}

/**
 * Verifies the newest descriptor from the certificate that is pinned. Where it is of another certificate, those before it are fetched: each
 * replacement must be signed by the certificate that it replaces, and the pinned one must not be revoked. Of a long way the part is given that was
 * gone, so that the next call goes on.
 * @throws IdentityError of every code, ClientError
 */
export async function followDescriptor(
  request: FollowRequest,
  envelope: string,
): Promise<FollowedDescriptor> {
  const { fingerprint, after } = request;
  const newest = readKnownDescriptor(envelope, '').descriptor;
  const current = await certificateFingerprint(newest.certificate);
  if (current === fingerprint)
    return { envelope, known: await verifyDescriptor(envelope, fingerprint, { after }) };
  requireStanding(newest, fingerprint);
  const start = after ?? (await findPinned(request, newest.number));
  return (await tryDirectly(envelope, start)) ?? (await walk(request, { envelope, newest, start }));
}

/** Verifies the newest one by the pinned certificate's own signature on it; undefined if it has none. */
async function tryDirectly(
  envelope: string,
  start: KnownDescriptor,
): Promise<FollowedDescriptor | undefined> {
  try {
    return { envelope, known: await verifyDescriptor(envelope, start.fingerprint, { after: start }) };
  } catch (error) {
    if (error instanceof IdentityError && error.code === 'BAD_SIGNATURE') return undefined;
    throw error;
  }
}

type Way = { readonly envelope: string; readonly newest: Descriptor; readonly start: KnownDescriptor };

/** Goes from the known descriptor to the newest one by each that is between. */
async function walk(request: FollowRequest, { envelope, newest, start }: Way): Promise<FollowedDescriptor> {
  let reached: FollowedDescriptor = { envelope, known: start };
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const { known } = reached;
    const next = known.descriptor.number + 1;
    const isLast = next >= newest.number;
    const shown = isLast ? envelope : await fetchEnvelope(request, next);
    reached = { envelope: shown, known: await verifyDescriptor(shown, known.fingerprint, { after: known }) };
    if (isLast) break;
  }
  return reached;
}

/** The newest descriptor that is of the pinned certificate, looked for from the end. */
async function findPinned(request: FollowRequest, number: number): Promise<KnownDescriptor> {
  const { fingerprint } = request;
  for (let before = number - 1; before >= Math.max(1, number - MAX_STEPS); before -= 1) {
    const envelope = await fetchEnvelope(request, before);
    const { certificate } = readKnownDescriptor(envelope, '').descriptor;
    if ((await certificateFingerprint(certificate)) === fingerprint) {
      return verifyDescriptor(envelope, fingerprint);
    }
  }
  throw new IdentityError(
    'BAD_CERTIFICATE',
    `None of its descriptors is by the certificate ${fingerprint}, which is the one that was pinned.`,
  );
}
