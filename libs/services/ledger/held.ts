import type { LedgerContext } from './context.ts';
import { LedgerError } from './errors.ts';

/** Waits for records to be held by somebody else. */
export interface Held {
  /** See `Ledger.untilHeld`. */
  until(recordIds: readonly string[]): Promise<void>;
}

interface Waiting {
  readonly recordIds: readonly string[];
  readonly settle: () => void;
}

// Shorter than what a gateway that stops leaves to the requests under way.
const TIMEOUT_MS = 20_000;
// Another gateway may publish, and a mirror's cosignature may be merged later: nobody tells this process.
const POLL_MS = 100;

// Of the records that are waited for, those that are not in the published tree yet. A record that this ledger knows nothing of was
// an earlier one's, of a repository that was put on record anew: there is nothing to wait for.
const FIND_UNPUBLISHED = {
  name: 'ledger-find-unpublished',
  text: `SELECT p.note, ARRAY(
           SELECT record_id FROM ledger_queue WHERE ledger_id = $1 AND record_id = ANY($2)
           UNION ALL
           SELECT record_id FROM ledger_record r
           WHERE r.ledger_id = $1 AND r.record_id = ANY($2) AND r.index >= p.size) AS unpublished
         FROM published_checkpoint p WHERE p.ledger_id = $1`,
};

/** Opens it: however many wait, one statement asks for all of them, when something was published or a tenth of a second has gone. */
export function openHeld(
  context: LedgerContext,
  subscribe: (listener: () => void) => () => void,
  timeoutMs = TIMEOUT_MS,
): Held {
  const all = new Set<Waiting>();
  let running = false;

  const look = async (): Promise<void> => {
    const asked = [...all];
    const [row] = await context.database.query<{ note: string; unpublished: string[] }>(FIND_UNPUBLISHED, [
      context.ledgerId,
      asked.flatMap(({ recordIds }) => recordIds),
    ]);
    if (row === undefined) return;
    const unpublished = new Set(row.unpublished);
    const ready = asked.filter(({ recordIds }) => !recordIds.some((recordId) => unpublished.has(recordId)));
    if (ready.length === 0 || !((await context.publication?.isHeld(row.note)) ?? true)) return;
    for (const waiting of ready) waiting.settle();
  };

  const run = async (): Promise<void> => {
    if (running) return;
    running = true;
    while (all.size > 0) {
      const next = nextHint(subscribe);
      try {
        await look();
      } catch (error) {
        context.log.warn({ err: error }, 'what peers hold is not known, asking again');
      }
      if (all.size > 0) await next.heard;
      next.forget();
    }
    running = false;
  };

  return {
    until: (recordIds) =>
      new Promise((resolve, reject) => {
        const end = (): void => {
          clearTimeout(timer);
          all.delete(waiting);
        };
        const waiting: Waiting = {
          recordIds,
          settle() {
            end();
            resolve();
          },
        };
        const timer = setTimeout(() => {
          end();
          reject(notHeld(recordIds));
        }, timeoutMs);
        all.add(waiting);
        void run();
      }),
  };
}

/** Heard when something was published here, or after a while. Subscribed before the look, so that nothing falls between. */
function nextHint(subscribe: (listener: () => void) => () => void): {
  readonly heard: Promise<unknown>;
  readonly forget: () => void;
} {
  const { promise: heard, resolve } = Promise.withResolvers<undefined>();
  const hear = (): void => {
    resolve(undefined);
  };
  const timer = setTimeout(hear, POLL_MS);
  const unsubscribe = subscribe(hear);
  return {
    heard,
    forget() {
      clearTimeout(timer);
      unsubscribe();
    },
  };
}

const notHeld = (recordIds: readonly string[]): LedgerError =>
  new LedgerError(
    'NOT_HELD',
    `It was recorded here (${recordIds.at(-1) ?? ''}), but no peer is known to hold the record yet, and this gateway answers only then. ` +
      'Do the same again in a few seconds: nothing is recorded twice.',
  );
