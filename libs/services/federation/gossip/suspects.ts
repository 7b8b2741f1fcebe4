import type { SignedHead } from '../replication/heads.ts';

/** Heads that their logs signed and that could not be compared with what is held here, the newest few of each log. */
export interface Suspects {
  add(head: SignedHead): void;
  of(origin: string): readonly SignedHead[];
  settle(head: SignedHead): void;
}

// A log that shows many of them is found out by any one.
const MAX_OF_LOG = 4;

/** Remembers them as long as the process runs. */
export function openSuspects(): Suspects {
  const byOrigin = new Map<string, readonly SignedHead[]>();
  const without = ({ origin, size, root }: SignedHead): readonly SignedHead[] =>
    (byOrigin.get(origin) ?? []).filter((one) => one.size !== size || Buffer.compare(one.root, root) !== 0);
  return {
    add(head) {
      byOrigin.set(head.origin, [head, ...without(head)].slice(0, MAX_OF_LOG));
    },
    of: (origin) => byOrigin.get(origin) ?? [],
    settle(head) {
      byOrigin.set(head.origin, without(head));
    },
  };
}
