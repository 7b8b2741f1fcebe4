import type { Undecided } from '../gossip/undecided.ts';
import { isEqual } from '../replication/heads.ts';

/** Why the witness holds a log's next head back; undefined if it does not. */
export type Hold = (
  origin: string,
  next: { readonly size: bigint; readonly root: Uint8Array },
) => Promise<string | undefined>;

/**
 * Holds back heads of logs that have not explained two of their heads: asked once more, since a log that asks us can answer us. The
 * head that is waited for may be cosigned, because the proof that comes with it is the explanation.
 */
export function createHold({
  undecided,
  explain,
}: {
  readonly undecided: Pick<Undecided, 'listOf'>;
  /** Asks the log at once. */
  readonly explain: (origin: string) => Promise<void>;
}): Hold {
  const findWithheld = async (origin: string) =>
    (await undecided.listOf(origin)).filter(({ isWithheld }) => isWithheld);
  return async (origin, next) => {
    if ((await findWithheld(origin)).length === 0) return undefined;
    await explain(origin);
    const [waiting] = (await findWithheld(origin)).filter(
      ({ shown }) => shown.size !== next.size || !isEqual(shown.root, next.root),
    );
    if (waiting === undefined) return undefined;
    const { held, shown } = waiting;
    return `The log has not shown that its heads of ${held.size} and ${shown.size} entries are of one history: this witness waits for that.`;
  };
}
