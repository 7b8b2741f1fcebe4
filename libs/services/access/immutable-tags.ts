import type { Database, Statement } from '@dockchains/database';

import { AccessError } from './errors.ts';
import { isPattern, matchesPattern, parsePattern } from './glob.ts';
import { type Page, parsePage } from './input.ts';
import { isTagGlob, matchesTag, parseTagGlob } from './tag-glob.ts';

/** In repositories of the pattern, tags of the glob stay as they were first set. */
export type ImmutableRule = { readonly pattern: string; readonly tags: string };

/** Which tags of one repository are immutable, as of one moment. */
export type ImmutableTags = { has(tag: string): boolean };

/** Which tags nobody moves or deletes. The caller has asked `requireOperator` before a change. */
export interface ImmutableTagRules {
  /** Gives the tags of the repository, present or not, that are immutable now: for one query. */
  findImmutableTags(repository: string): Promise<ImmutableTags>;
  /** Gives them by what the caller's own statement has read as {@link IMMUTABLE_COLUMN}. */
  judgeTags(repository: string, immutableRules: readonly string[]): ImmutableTags;
  /** Lists the rules by pattern, then tags; `after` is that of `keyOfRule`. @throws AccessError INVALID_INPUT */
  listImmutableRules(page: Page): Promise<readonly ImmutableRule[]>;
  /** Binds the pushes and deletions that begin after it. @throws AccessError INVALID_INPUT, LIMIT_REACHED */
  addImmutableRule(rule: ImmutableRule): Promise<void>;
  /** @throws AccessError RULE_UNKNOWN */
  removeImmutableRule(rule: ImmutableRule): Promise<void>;
}

/** All rules, each a pattern, a space, and a tag glob: a column for whoever reads them with something else. */
export const IMMUTABLE_COLUMN = `ARRAY(SELECT i.pattern || ' ' || i.tags FROM immutable_tag i) AS "immutableRules"`;

// Each push of a tag reads them all.
const MAX_RULES = 200;

const READ: Statement = { name: 'access_read_immutable', text: `SELECT ${IMMUTABLE_COLUMN}` };
const LIST: Statement = {
  name: 'access_list_immutable',
  text: `SELECT pattern, tags FROM immutable_tag WHERE (pattern, tags) > ($1, $2) ORDER BY pattern, tags LIMIT $3`,
};

/** Gives the text by which a page of rules goes on behind the rule. */
export function keyOfRule({ pattern, tags }: ImmutableRule): string {
  return `${pattern} ${tags}`;
}

/** Gives the refusal of a move or deletion of an immutable tag, for everybody alike. */
export function immutableTag(repository: string, tag: string): AccessError {
  return new AccessError(
    'DENIED',
    `The tag "${tag}" of "${repository}" is immutable: push under another one, or ask an operator to remove the rule.`,
  );
}

/** Makes the {@link ImmutableTagRules} over a database. */
export function createImmutableTags(database: Database, clock: () => Date): ImmutableTagRules {
  const judgeTags: ImmutableTagRules['judgeTags'] = (repository, immutableRules) => {
    const globs = immutableRules
      .map(parseKey)
      .filter(({ pattern }) => matchesPattern(pattern, repository))
      .map(({ tags }) => tags);
    return { has: (tag) => globs.some((glob) => matchesTag(glob, tag)) };
  };

  return {
    judgeTags,

    async findImmutableTags(repository) {
      const [row] = await database.query<{ immutableRules: readonly string[] }>(READ);
      return judgeTags(repository, row?.immutableRules ?? []);
    },

    async listImmutableRules(page) {
      const { after, limit } = parsePage(page);
      const { pattern, tags } = parseKey(after);
      return database.query<ImmutableRule>(LIST, [pattern, tags, limit]);
    },

    async addImmutableRule(rule) {
      const key = { pattern: parsePattern(rule.pattern), tags: parseTagGlob(rule.tags) };
      const others = await database.prisma.immutableTag.count({ where: { NOT: key } });
      if (others >= MAX_RULES) {
        throw new AccessError(
          'LIMIT_REACHED',
          `There are at most ${MAX_RULES} rules of immutable tags: use wider patterns.`,
        );
      }
      await database.prisma.immutableTag.createMany({
        data: [{ ...key, createdAt: clock() }],
        skipDuplicates: true,
      });
    },

    async removeImmutableRule({ pattern, tags }) {
      const removed =
        isPattern(pattern) &&
        isTagGlob(tags) &&
        (await database.prisma.immutableTag.deleteMany({ where: { pattern, tags } })).count;
      if (!removed) {
        throw new AccessError('RULE_UNKNOWN', 'There is no such rule of immutable tags.');
      }
    },
  };
}

const parseKey = (text: string): ImmutableRule => {
  const space = text.indexOf(' ');
  return space < 0
    ? { pattern: text, tags: '' }
    : { pattern: text.slice(0, space), tags: text.slice(space + 1) };
};
