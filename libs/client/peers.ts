import { z } from 'zod';

import { OPERATOR_SCOPE } from './administration.ts';
import { graphql, type Operation } from './graphql.ts';
import { collectList, listOf } from './lists.ts';
import { READ_SCOPE } from './operations.ts';
import type { Session } from './session.ts';

const ledgerIndex = z.string().regex(/^[0-9]{1,20}$/);

const peerSchema = z.object({
  organisation: z.string().max(253),
  url: z.string().max(2048),
  fingerprint: z.string().max(64),
  state: z.string().max(64),
  descriptorNumber: z.int(),
  registry: z.string().max(300),
  addedAt: z.string().max(64),
  seenAt: z.string().max(64),
  connected: z.boolean(),
  replica: z
    .object({
      held: ledgerIndex,
      publishedSize: ledgerIndex,
      checkedAt: z.string().max(64).nullable(),
      frozen: z.string().max(4096).nullable(),
    })
    .nullable(),
});

const FIELDS = `organisation url fingerprint state descriptorNumber registry addedAt seenAt connected
  replica { held publishedSize checkedAt frozen }`;

/** An organisation that a gateway federates with; `state` is MUTUAL, WAITING (it has not added us yet) or REMOVED. */
export type PeerSummary = z.output<typeof peerSchema>;

const PEERS = listOf('peers', { node: peerSchema, fields: FIELDS, scope: READ_SCOPE });
const ALL_PEERS = listOf('peers', {
  ...{ node: peerSchema, fields: FIELDS, scope: READ_SCOPE, args: ', removed: true' },
});

const FIND: Operation<{ peer: PeerSummary | null }> = {
  document: `query Peer($organisation: String!) { peer(organisation: $organisation) { ${FIELDS} } }`,
  data: z.object({ peer: peerSchema.nullable() }),
  scope: READ_SCOPE,
};

const ADD: Operation<{ addPeer: PeerSummary }> = {
  document: `mutation AddPeer($url: String!, $fingerprint: String!) {
    addPeer(url: $url, fingerprint: $fingerprint) { ${FIELDS} }
  }`,
  data: z.object({ addPeer: peerSchema }),
  scope: OPERATOR_SCOPE,
};

const REMOVE: Operation<{ removePeer: PeerSummary }> = {
  document: `mutation RemovePeer($organisation: String!) { removePeer(organisation: $organisation) { ${FIELDS} } }`,
  data: z.object({ removePeer: peerSchema }),
  scope: OPERATOR_SCOPE,
};

/** Lists the peers by name, with those that were removed if asked for. @throws ClientError of every code */
export function listPeers(
  session: Session,
  { removed = false }: { removed?: boolean } = {},
): Promise<readonly PeerSummary[]> {
  return collectList(session, removed ? ALL_PEERS : PEERS);
}

/** The peer of this name, also one that was removed. @throws ClientError of every code */
export async function findPeer(session: Session, organisation: string): Promise<PeerSummary | undefined> {
  return (await graphql(session, FIND, { organisation })).peer ?? undefined;
}

/** Adds a peer, as an operator. @throws ClientError of every code */
export async function addPeer(
  session: Session,
  peer: { readonly url: string; readonly fingerprint: string },
): Promise<PeerSummary> {
  return (await graphql(session, ADD, peer)).addPeer;
}

/** Ends the peering with an organisation, as an operator. @throws ClientError of every code */
export async function removePeer(session: Session, organisation: string): Promise<PeerSummary> {
  return (await graphql(session, REMOVE, { organisation })).removePeer;
}
