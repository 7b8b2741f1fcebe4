import { parseRepositoryName, parseTag } from '@dockchains/oci';
import type { TagEvent } from '@dockchains/registry';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext, RecordEntry } from '../context.ts';
import { ApiError, isHidden } from '../errors.ts';
import type { RepositoryView } from '../views.ts';

/** What the registry calls each TagEventKind. */
export const TAG_EVENT_KINDS = { CREATED: 'created', DELETED: 'deleted' };

const POSITION = /^[1-9][0-9]{0,17}$/;

/** Resolvers of schema/tag-history.graphql. */
export const tagHistoryTypes = {
  Repository: {
    tagHistory: (
      { name, organisation }: RepositoryView,
      { tag: text, ...args }: PageArgs & { readonly tag: string },
      { registry, principal, organisation: own }: GraphqlContext,
    ): Promise<Connection<TagEvent>> => {
      const tag = parseTag(text);
      const repository = parseRepositoryName(name);
      return readConnection(args, {
        list: ['tagHistory', repository, tag],
        keyOf: ({ position }) => position.toString(),
        read: async ({ after, limit }) => {
          const start = after === undefined ? {} : { after: parsePosition(after) };
          const found = registry.listTagHistory({ principal, repository, tag, limit, ...start });
          if (organisation === own) return (await found).items;
          return found.then(({ items }) => items, noneIfHidden);
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

/** Of another organisation's repository there is a history here only while it is mirrored. */
function noneIfHidden(error: unknown): readonly TagEvent[] {
  if (isHidden(error)) return [];
  throw error;
}

function parsePosition(text: string): bigint {
  if (POSITION.test(text)) return BigInt(text);
  throw new ApiError('BAD_USER_INPUT', 'The cursor names no event of a tag.');
}
