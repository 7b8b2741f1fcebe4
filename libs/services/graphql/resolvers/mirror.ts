import { AccessError } from '@dockchains/access';
import type { MirrorPolicy } from '@dockchains/federation';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext } from '../context.ts';

/** How the enum's values are written within the gateway. */
export const MIRROR_FETCHES = {
  ON_DEMAND: 'on-demand',
  ON_ANNOUNCEMENT: 'on-announcement',
  ON_SCHEDULE: 'on-schedule',
  NEVER: 'never',
};

type SetArgs = Omit<MirrorPolicy, 'maxBytes' | 'everySeconds'> & {
  readonly everySeconds?: number | null;
  readonly maxBytes?: string | null;
};

/** Resolvers of schema/mirror.graphql. */
export const mirrorTypes = {
  Query: {
    mirrorPolicies: async (
      _: unknown,
      page: PageArgs,
      { access, principal, mirroring }: GraphqlContext,
    ): Promise<Connection<MirrorPolicy>> => {
      await access.requireOperator(principal);
      const all = await mirroring.policies.list();
      return readConnection(page, {
        list: ['mirrorPolicies'],
        keyOf: ({ pattern }) => pattern,
        read: ({ after = '', limit }) =>
          Promise.resolve(all.filter(({ pattern }) => pattern > after).slice(0, limit)),
      });
    },
  },

  Mutation: {
    setMirrorPolicy: async (
      _: unknown,
      { maxBytes, ...policy }: SetArgs,
      { access, principal, mirroring }: GraphqlContext,
    ): Promise<MirrorPolicy> => {
      await access.requireOperator(principal);
      return mirroring.policies.set({ ...policy, maxBytes: parseBytes(maxBytes) });
    },
    removeMirrorPolicy: async (
      _: unknown,
      { pattern }: { readonly pattern: string },
      { access, principal, mirroring }: GraphqlContext,
    ): Promise<MirrorPolicy> => {
      await access.requireOperator(principal);
      return mirroring.policies.remove(pattern);
    },
  },

  MirrorPolicy: {
    maxBytes: ({ maxBytes }: MirrorPolicy): string | undefined => maxBytes?.toString(),
  },
};

// JSON's numbers end at 2^53.
function parseBytes(text: string | null | undefined): bigint | null {
  if (text === null || text === undefined) return null;
  if (/^[0-9]{1,19}$/.test(text)) return BigInt(text);
  throw new AccessError('INVALID_INPUT', 'A limit is a number of bytes, decimal.');
}
