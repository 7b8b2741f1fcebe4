import { ClientError } from '@dockchains/client';
import type { Descriptor } from '@dockchains/identity';
import { type Origin, parseOrigin, parseVerifierKey, TlogError, type VerifierKey } from '@dockchains/tlog';

import { FederationError } from '../errors.ts';
import type { Peer } from '../peers/peers.ts';

/** The origin of a peer's public log. */
export function originOf({ descriptor }: Pick<Peer, 'descriptor'>): Origin {
  return parseOrigin(keyOf({ descriptor }).name);
}

/** The key of a peer's public log. */
export function keyOf({ descriptor }: Pick<Peer, 'descriptor'>): VerifierKey {
  return parseVerifierKey(descriptor.keys.logs.public);
}

/** A key that a log signs with, or signed with before; nothing that a revoked one signed is believed. */
export type LogKey = { readonly key: VerifierKey; readonly isRevoked: boolean };

/** All keys that the log of a ledger has had, as its organisation's descriptor says, the one that signs now first. */
export function logKeysOf(
  { keys, formerKeys }: Pick<Descriptor, 'keys' | 'formerKeys'>,
  ledger: 'public' | 'private',
): LogKey[] {
  const former = formerKeys.filter(({ role }) => role === `log-${ledger}`);
  return [
    { key: parseVerifierKey(keys.logs[ledger]), isRevoked: false },
    ...former.map(({ key, state }) => ({ key: parseVerifierKey(key), isRevoked: state === 'revoked' })),
  ];
}

/** Whether what went wrong lies with whoever was asked. */
export function isTheirs(error: unknown): error is ClientError | TlogError | FederationError {
  if (error instanceof FederationError) return error.code !== 'OVERTAKEN';
  return error instanceof ClientError || error instanceof TlogError;
}

/** Whether a note is signed by a key that may be that of a descriptor which was not fetched yet. */
export const isUnknownSigner = (error: unknown): boolean =>
  error instanceof TlogError && error.code === 'UNKNOWN_SIGNER';
