import type { ShortFrame } from './short-frames.d.mts';

/** Of tests; `settleMs`: so long after its last write a segment's files are left to the kernel, and a lone segment's twice that. */
export interface JournalOptions {
  readonly segmentBytes?: number;
  readonly maxSegments?: number;
  readonly settleMs?: number;
}

/**
 * Makes short files of a blob store durable before they are in their places, by one write of all that wait, to blocks that are there already: files of
 * its own, `journal/<uuid>`, each of 4 MiB (`short-frames.mjs` has the format). When one is full the next is written. Once the kernel has had 60 s
 * to write the files back, they and their folders are synced and the segment is free; of more than 32 the oldest are not given that time, and at 64 an
 * append waits for it. So what is in its place is durable, or in a segment.
 *
 * Any number of processes share a folder, each with segments of its own. Who has written to his claims the ones of others that are there then: renames them, reads
 * them, puts what they have to its place, and syncs and removes them when their time has come. Their owner looks behind each write whether the segment
 * still has its name, and writes elsewhere what he wrote to one that has not. So nobody has to know who lives.
 */
export class ShortJournal {
  constructor(root: string, options?: JournalOptions);

  /** Makes files durable that are not in their places yet. Times are in milliseconds, of one clock that only goes forward. */
  append(frames: readonly ShortFrame[], now: number): void;

  /**
   * Makes way, and claims what others have left, until the time given is over: `more` and `behind`, which is urgent, when there is more to do at once, `later` when there will be, `nothing`
   * until the next append.
   */
  settle(now: number, isOver: () => boolean): 'more' | 'behind' | 'later' | 'nothing';
}
