import type { Database } from '@dockchains/database';
import { IdentityError, readKnownDescriptor } from '@dockchains/identity';
import { findKeptPeers, KeyError, keepPeers } from '@dockchains/keys';
import type { LedgerLog } from '@dockchains/ledger';
import { z } from 'zod';

import { fetchDescriptor, type PeerRequest } from './fetch-peer.ts';
import { readPeers, writePeer } from './peer-rows.ts';
import type { Peers } from './peers.ts';

const MAX_PEERS = 10_000;

const keptSchema = z.object({
  version: z.literal(1),
  peers: z
    .array(
      z.object({
        url: z.string().max(2048),
        fingerprint: z.string().max(64),
        mutual: z.boolean(),
        envelope: z.string(),
      }),
    )
    .max(MAX_PEERS),
});

type KeptDeps = { readonly database: Database; readonly keysDirectory: string };

/**
 * Puts the peers that were kept beside the keys into a database that knows of none, active or removed: it was lost. Gives their organisations.
 * @throws KeyError BAD_KEY if the file can't be read
 */
export async function restorePeers({
  database,
  keysDirectory,
  clock,
}: KeptDeps & { readonly clock: () => Date }): Promise<readonly string[]> {
  const text = await findKeptPeers(keysDirectory);
  if (text === undefined || (await readPeers(database)).length > 0) return [];
  const restored: string[] = [];
  for (const { envelope, ...peer } of parseKept(text)) {
    const known = readKnownDescriptor(envelope, peer.fingerprint);
    await writePeer(database, { ...peer, envelope, known, at: clock() });
    restored.push(known.descriptor.organisation);
  }
  return restored;
}

function parseKept(text: string): z.output<typeof keptSchema>['peers'] {
  try {
    return keptSchema.parse(JSON.parse(text)).peers;
  } catch (cause) {
    if (
      !(cause instanceof SyntaxError) &&
      !(cause instanceof z.ZodError) &&
      !(cause instanceof IdentityError)
    ) {
      throw cause;
    }
    throw new KeyError(
      'BAD_KEY',
      'peers.json in the keys folder is not in the form that this version writes: put it back from its backup, or remove it and add the peers anew.',
      { cause },
    );
  }
}

/**
 * Makes an organisation a peer in the database alone, before our own descriptor can be shown to it.
 * @throws FederationError PEER_UNREACHABLE, PEER_REFUSED
 */
export async function pinPeer(
  { database, clock }: { readonly database: Database; readonly clock: () => Date },
  request: PeerRequest,
): Promise<void> {
  const { envelope, known } = await fetchDescriptor(request);
  await writePeer(database, { url: request.url, envelope, known, mutual: false, at: clock() });
}

/** Keeps the active peers beside the keys, now and after each change, until the function that this gives is called. */
export function keepPeersBesideKeys({
  database,
  keysDirectory,
  peers,
  log,
}: KeptDeps & { readonly peers: Pick<Peers, 'onChange'>; readonly log: LedgerLog }): () => Promise<void> {
  let kept: string | undefined;
  const keep = async (): Promise<void> => {
    try {
      const active = (await readPeers(database)).filter(({ peer }) => peer.state === 'active');
      const text = `${JSON.stringify({
        version: 1,
        peers: active.map(({ peer: { url, fingerprint, mutual }, envelope }) => ({
          ...{ url, fingerprint, mutual, envelope },
        })),
      })}\n`;
      kept ??= await findKeptPeers(keysDirectory);
      if (text !== kept && (active.length > 0 || kept !== undefined)) await keepPeers(keysDirectory, text);
      kept = text;
    } catch (error) {
      log.warn({ err: error }, 'peers not kept beside the keys, trying again with the next change');
    }
  };
  let keeping = keep();
  const unsubscribe = peers.onChange(() => {
    keeping = keeping.then(keep);
  });
  return async () => {
    unsubscribe();
    await keeping;
  };
}
