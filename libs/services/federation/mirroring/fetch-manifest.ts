import { ClientError, getManifest, type Session } from '@dockchains/client';
import type { Digest, RepositoryName } from '@dockchains/oci';
import type { FetchedManifest } from '@dockchains/registry';

import { FederationError } from '../errors.ts';
import type { Holder, Holders } from './holders.ts';

/** What a mirror wants of another organisation's repository. */
export interface Wanted {
  readonly organisation: string;
  /** Its name at its origin. */
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

/**
 * Fetches a manifest from its origin or another mirror of it, its bytes being those of the digest; undefined if the origin itself says that it has
 * none, and no mirror does.
 * @throws FederationError PEER_UNREACHABLE if the origin could not be asked and no mirror has it
 */
export async function fetchManifest(
  holders: Holders,
  { organisation, repository, digest }: Wanted,
): Promise<FetchedManifest | undefined> {
  let originHasNone = false;
  let failure: unknown;
  for (const holder of await holders.list(organisation, repository)) {
    try {
      const { bytes, manifest } = await getManifest(holder.session, holder.repository, digest);
      return { digest, bytes, manifest };
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      if (isAbsence(error)) originHasNone ||= holder.isOrigin;
      else {
        holders.avoid(holder);
        failure = error;
      }
    }
  }
  if (originHasNone) return undefined;
  throw new FederationError(
    'PEER_UNREACHABLE',
    `${organisation} can't be asked for a manifest now, and no other peer has it: it is tried again.`,
    { cause: failure },
  );
}

/** Whether the answer is that there is no such thing, or not for us: a repository that was withdrawn asks to sign in. */
export function isAbsence(error: ClientError): boolean {
  return error.code === 'NOT_FOUND' || error.code === 'DENIED';
}

/** Requests from gateway to gateway say so: a mirror that is asked by one answers from what it holds. */
export const VIA = 'dockchains-via';

/** Gives the session's holder a request for a blob from `start` on, as it comes. */
export function openBlobAt(
  { session, repository }: Pick<Holder, 'repository'> & { readonly session: Session },
  { digest, start, via }: { readonly digest: Digest; readonly start: number; readonly via: string },
) {
  const headers = { [VIA]: via, ...(start > 0 && { range: `bytes=${start}-` }) };
  return session.stream({ path: `/v2/${repository}/blobs/${digest}`, headers });
}
