/** What this gateway knows the rows of uploads to hold, as far as they had all of it from here. Never the truth: a statement compares. */
export interface HeldBytes {
  /** Notes that an upload has these bytes from `offset` on, and nothing behind them. */
  note(id: string, offset: number, bytes: Buffer): void;
  /** Gives all that an upload held when it was last noted; undefined if that is not known. */
  find(id: string): Buffer | undefined;
  forget(id: string): void;
}

// What does not fit is read from the rows again.
const MAX_UPLOADS = 4096;
const MAX_BYTES = 8 << 20;

/** Opens the memory: of so many uploads and bytes, the oldest going first. */
export function openHeldBytes(): HeldBytes {
  const uploads = new Map<string, Buffer>();
  let bytes = 0;

  const forget = (id: string): void => {
    bytes -= uploads.get(id)?.length ?? 0;
    uploads.delete(id);
  };
  return {
    note(id, offset, added) {
      const before = uploads.get(id) ?? Buffer.alloc(0);
      forget(id);
      if (before.length !== offset) return;
      // A copy: the parser's buffer may be much larger than what came in it.
      uploads.set(id, Buffer.concat([before, added]));
      bytes += before.length + added.length;
      for (const [oldest] of uploads) {
        if (uploads.size <= MAX_UPLOADS && bytes <= MAX_BYTES) break;
        forget(oldest);
      }
    },
    find: (id) => uploads.get(id),
    forget,
  };
}
