import { type ImmutableRule, keyOfRule } from '@dockchains/access';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import { forOperators } from './operators.ts';

/** Resolvers of schema/immutable-tags.graphql. */
export const immutableTagsTypes = {
  Query: {
    immutableTagRules: forOperators((args: PageArgs, access): Promise<Connection<ImmutableRule>> =>
      readConnection(args, {
        list: ['immutableTagRules'],
        keyOf: keyOfRule,
        read: (page) => access.listImmutableRules(page),
      }),
    ),
  },

  Mutation: {
    addImmutableTagRule: forOperators(async (rule: ImmutableRule, access): Promise<ImmutableRule> => {
      await access.addImmutableRule(rule);
      return rule;
    }),
    removeImmutableTagRule: forOperators(async (rule: ImmutableRule, access): Promise<ImmutableRule> => {
      await access.removeImmutableRule(rule);
      return rule;
    }),
  },
};
