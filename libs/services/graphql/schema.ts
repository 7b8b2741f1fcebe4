import { readFileSync } from 'node:fs';

import { buildSubgraphSchema } from '@apollo/subgraph';
import { type GraphQLSchema, parse } from 'graphql';

import { type Fields, guardFields } from './guard.ts';
import { ACCOUNT_KINDS, administrationTypes, ACTIONS } from './resolvers/administration.ts';
import { artifactTypes } from './resolvers/artifact.ts';
import { catalogTypes } from './resolvers/catalog.ts';
import { closedLedgerTypes } from './resolvers/closed-ledger.ts';
import { COLLECTED_KINDS, collectionTypes } from './resolvers/collection.ts';
import { deadLettersTypes } from './resolvers/dead-letters.ts';
import { undecidedHeadTypes } from './resolvers/undecided-head.ts';
import { equivocationTypes } from './resolvers/equivocation.ts';
import { immutableTagsTypes } from './resolvers/immutable-tags.ts';
import { ledgerTypes } from './resolvers/ledger.ts';
import { MIRROR_FETCHES, mirrorTypes } from './resolvers/mirror.ts';
import { peerTypes, PEER_STATES } from './resolvers/peer.ts';
import { viewerTypes } from './resolvers/viewer.ts';
import { repositoryTypes, VISIBILITIES } from './resolvers/repository.ts';
import { TAG_EVENT_KINDS, tagHistoryTypes } from './resolvers/tag-history.ts';
import { robotTypes } from './resolvers/robot.ts';
import { visibilityTypes } from './resolvers/visibility.ts';
import { DATE_TIME, LEDGER_INDEX } from './scalars.ts';

type Topic = {
  /** The name of the file in schema/. */
  readonly name: string;
  readonly types: Readonly<Record<string, Fields>>;
};

const TOPICS: readonly Topic[] = [
  { name: 'artifact', types: artifactTypes },
  { name: 'repository', types: repositoryTypes },
  { name: 'tag-history', types: tagHistoryTypes },
  { name: 'ledger', types: ledgerTypes },
  { name: 'closed-ledger', types: closedLedgerTypes },
  { name: 'viewer', types: viewerTypes },
  { name: 'administration', types: administrationTypes },
  { name: 'immutable-tags', types: immutableTagsTypes },
  { name: 'robot', types: robotTypes },
  { name: 'visibility', types: visibilityTypes },
  { name: 'collection', types: collectionTypes },
  { name: 'peer', types: peerTypes },
  { name: 'equivocation', types: equivocationTypes },
  { name: 'undecided-head', types: undecidedHeadTypes },
  { name: 'mirror', types: mirrorTypes },
  { name: 'dead-letters', types: deadLettersTypes },
  { name: 'catalog', types: catalogTypes },
];

/** Builds the executable schema, an Apollo Federation 2 subgraph, from the SDL files in schema/. */
export function buildSchema(): GraphQLSchema {
  return buildSubgraphSchema([
    {
      typeDefs: readSdl('common'),
      resolvers: {
        LedgerIndex: LEDGER_INDEX,
        DateTime: DATE_TIME,
        AccountKind: ACCOUNT_KINDS,
        Action: ACTIONS,
        CollectedKind: COLLECTED_KINDS,
        MirrorFetch: MIRROR_FETCHES,
        PeerState: PEER_STATES,
        TagEventKind: TAG_EVENT_KINDS,
        Visibility: VISIBILITIES,
      },
    },
    ...TOPICS.map(({ name, types }) => ({
      typeDefs: readSdl(name),
      resolvers: Object.fromEntries(
        Object.entries(types).map(([type, fields]) => [type, guardFields(fields)]),
      ),
    })),
  ]);
}

const readSdl = (name: string) =>
  parse(readFileSync(new URL(`./schema/${name}.graphql`, import.meta.url), 'utf8'));
