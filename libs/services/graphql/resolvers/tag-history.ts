import { parseTag } from '@dockchains/oci';
import type { RepositorySummary, TagEvent } from '@dockchains/registry';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext, RecordEntry } from '../context.ts';
import { ApiError } from '../errors.ts';

/** What the registry calls each TagEventKind. */
export const TAG_EVENT_KINDS = { CREATED: 'created', DELETED: 'deleted' };

const POSITION = /^[1-9][0-9]{0,17}$/;

/** Resolvers of schema/tag-history.graphql. */
export const tagHistoryTypes = {
  Repository: {
    tagHistory: (
      { name: repository }: RepositorySummary,
      { tag: text, ...args }: PageArgs & { readonly tag: string },
      { registry, principal }: GraphqlContext,
    ): Promise<Connection<TagEvent>> => {
      const tag = parseTag(text);
      return readConnection(args, {
        list: ['tagHistory', repository, tag],
        keyOf: ({ position }) => position.toString(),
        read: async ({ after, limit }) => {
          const start = after === undefined ? {} : { after: parsePosition(after) };
          return (await registry.listTagHistory({ principal, repository, tag, limit, ...start })).items;
        },
      });
    },
  },

  TagEvent: {
    kind: ({ event }: TagEvent) => event,
    record: (
      { recordId }: TagEvent,
      _: unknown,
      { records }: GraphqlContext,
    ): Promise<RecordEntry | undefined> => records.load(recordId),
  },
};

function parsePosition(text: string): bigint {
  if (POSITION.test(text)) return BigInt(text);
  throw new ApiError('BAD_USER_INPUT', 'The cursor names no event of a tag.');
}
