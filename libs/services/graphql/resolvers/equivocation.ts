import { createHash } from 'node:crypto';

import type { KeptEquivocation } from '@dockchains/federation';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext } from '../context.ts';

/** Where a proof stands in the list: no two proofs have the same. */
const keyOf = ({ foundAt, proof }: KeptEquivocation): string =>
  `${foundAt.toISOString()} ${createHash('sha256').update(proof).digest('hex')}`;

/** Resolvers of schema/equivocation.graphql. A proof is for everybody: it has nothing but heads that its log signed. */
export const equivocationTypes = {
  Query: {
    equivocations: (
      _: unknown,
      page: PageArgs,
      { replicas }: GraphqlContext,
    ): Promise<Connection<KeptEquivocation>> =>
      readConnection(page, {
        list: ['equivocations'],
        keyOf,
        read: async ({ after = '', limit }) =>
          (await replicas.evidence.list())
            .map((kept) => ({ ...kept, key: keyOf(kept) }))
            .filter(({ key }) => key > after)
            .sort((a, b) => (a.key < b.key ? -1 : 1))
            .slice(0, limit),
      }),
  },
};
