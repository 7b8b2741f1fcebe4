import type { Access, Action, FactsRow, Principal } from '@dockchains/access';
import type { RepositoryName } from '@dockchains/oci';

/** What a statement gives that writes for a principal only where the facts are those that it was told: they, and whether they were. */
export type JudgedRow = FactsRow & {
  /** FACTS_TEXT. */
  readonly facts: string;
  readonly judged: boolean;
};

/** Who writes to which repository. */
interface Writer {
  readonly principal: Principal;
  readonly repository: RepositoryName;
}

/**
 * Decides about writes for which the statement that writes reads the facts: by those of the last time, which the statement then finds
 * unchanged, or writes nothing. So what is remembered is never trusted, and spares the statement that would only read.
 */
export interface JudgedWrites {
  /** Says whether, by what is remembered, the principal may push, or what is asked: another look is then due only where something has changed. */
  isLikely(writer: Writer, action?: Action): boolean;
  /**
   * Gives the row of an attempt whose facts let the principal push; undefined if they changed each time, with nothing written. An
   * attempt is told the facts that were judged, or a text that none have.
   * @throws AccessError
   */
  push<Row extends JudgedRow>(
    writer: Writer,
    attempt: (known: string) => Promise<Row>,
  ): Promise<Row | undefined>;
}

// More pairs of principal and repository than push at once.
const MAX_REMEMBERED = 4096;
const MAX_ATTEMPTS = 3;
const UNKNOWN = '';
const PUSH: Action = 'push';

/** Opens the {@link JudgedWrites} of one gateway. */
export function openJudgedWrites(access: Pick<Access, 'judge'>): JudgedWrites {
  const remembered = new Map<string, JudgedRow>();
  const keyOf = ({ principal, repository }: Writer): string => `${principal.id ?? ''} ${repository}`;

  const findLikely = (writer: Writer, action: Action = PUSH): JudgedRow | undefined => {
    const row = remembered.get(keyOf(writer));
    if (row === undefined) return undefined;
    return access.judge(writer.principal, writer.repository, row).can(action) ? row : undefined;
  };

  return {
    isLikely: (writer, action) => findLikely(writer, action) !== undefined,

    async push(writer, attempt) {
      for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts += 1) {
        const row = await attempt(findLikely(writer)?.facts ?? UNKNOWN);
        if (row.judged) return row;
        const key = keyOf(writer);
        remembered.delete(key);
        access.judge(writer.principal, writer.repository, row).require(PUSH);
        remembered.set(key, row);
        const [oldest] = remembered.keys();
        if (remembered.size > MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
      }
      return undefined;
    },
  };
}
