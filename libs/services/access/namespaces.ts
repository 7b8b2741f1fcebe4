import type { Database, Statement } from '@dockchains/database';

import { AccessError } from './errors.ts';
import { isPattern, matchesPattern, parsePattern } from './glob.ts';
import { type Page, parsePage } from './input.ts';

/** Who can see a repository, and in which ledger its records are. */
export type Visibility = 'public' | 'protected' | 'private';

/** Repositories whose names match the pattern may come to be, with this visibility. */
export type NamespaceRule = { readonly pattern: string; readonly visibility: Visibility };

/** Which repositories may come to be. The caller has asked `requireOperator` before a change. */
export interface Namespaces {
  /**
   * Gives the visibility that a new repository of this name gets: that of the longest pattern, and among equally long
   * ones the most closed. Undefined: no rule, no repository.
   */
  findVisibility(repository: string): Promise<Visibility | undefined>;
  /** Lists the rules by pattern. @throws AccessError INVALID_INPUT */
  listNamespaceRules(page: Page): Promise<readonly NamespaceRule[]>;
  /** Repositories that exist keep their visibility. @throws AccessError INVALID_INPUT, LIMIT_REACHED */
  setNamespaceRule(pattern: string, visibility: string): Promise<void>;
  /** @throws AccessError RULE_UNKNOWN */
  removeNamespaceRule(pattern: string): Promise<void>;
}

// Most rules of one organisation: the making of a repository reads them.
const MAX_RULES = 1000;

const OPENNESS: Readonly<Record<Visibility, number>> = { private: 0, protected: 1, public: 2 };

const READ_RULES: Statement = {
  name: 'access_read_rules',
  text: 'SELECT pattern, visibility FROM namespace_rule',
};

/** Makes the {@link Namespaces} over a database. */
export function createNamespaces(database: Database, clock: () => Date): Namespaces {
  return {
    async findVisibility(repository) {
      const rules = await database.query<NamespaceRule>(READ_RULES);
      return rules
        .filter(({ pattern }) => matchesPattern(pattern, repository))
        .sort(
          (a, b) => b.pattern.length - a.pattern.length || OPENNESS[a.visibility] - OPENNESS[b.visibility],
        )[0]?.visibility;
    },

    async listNamespaceRules(page) {
      const { after, limit } = parsePage(page);
      const rows = await database.prisma.namespaceRule.findMany({
        where: { pattern: { gt: after } },
        orderBy: { pattern: 'asc' },
        take: limit,
        omit: { createdAt: true },
      });
      return rows.map(({ pattern, visibility }) => ({ pattern, visibility: parseVisibility(visibility) }));
    },

    async setNamespaceRule(text, wanted) {
      const pattern = parsePattern(text);
      const visibility = parseKept(wanted);
      const others = await database.prisma.namespaceRule.count({ where: { NOT: { pattern } } });
      if (others >= MAX_RULES) {
        throw new AccessError(
          'LIMIT_REACHED',
          `There are at most ${MAX_RULES} namespace rules: use wider patterns.`,
        );
      }
      await database.prisma.namespaceRule.upsert({
        where: { pattern },
        create: { pattern, visibility, createdAt: clock() },
        update: { visibility },
      });
    },

    async removeNamespaceRule(pattern) {
      const removed =
        isPattern(pattern) && (await database.prisma.namespaceRule.deleteMany({ where: { pattern } })).count;
      if (!removed) {
        throw new AccessError(
          'RULE_UNKNOWN',
          `There is no namespace rule for the pattern "${pattern.slice(0, 255)}".`,
        );
      }
    },
  };
}

/** Checks the visibility of a rule to be set: `protected` has no ledger yet. @throws AccessError INVALID_INPUT */
export function parseKept(text: string): Visibility {
  const visibility = parseVisibility(text);
  if (visibility !== 'protected') return visibility;
  throw new AccessError(
    'INVALID_INPUT',
    'This gateway keeps no protected ledger yet: choose "private" or "public".',
  );
}

const parseVisibility = (text: string): Visibility => {
  if (text === 'public' || text === 'protected' || text === 'private') return text;
  throw new AccessError('INVALID_INPUT', 'A visibility is "public", "protected" or "private".');
};
