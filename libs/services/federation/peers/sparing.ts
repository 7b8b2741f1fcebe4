const PAUSE_MS = 1_000;
const MAX_REMEMBERED = 10_000;

/**
 * Makes work sparing that strangers can have done: for one name it runs once at a time, and not again within a second. Who asks
 * meanwhile waits for what is under way, and is told of no failure that came before.
 */
export function sparing(
  work: (name: string) => Promise<void>,
  now: () => number = () => performance.now(),
): (name: string) => Promise<void> {
  const last = new Map<string, { readonly running: Promise<void>; endedAt?: number }>();
  return async (name) => {
    const known = last.get(name);
    if (known !== undefined && known.endedAt === undefined) return known.running;
    if (known?.endedAt !== undefined && now() - known.endedAt < PAUSE_MS) return;
    if (last.size >= MAX_REMEMBERED) last.clear();
    const next: { readonly running: Promise<void>; endedAt?: number } = {
      running: work(name).finally(() => {
        next.endedAt = now();
      }),
    };
    last.set(name, next);
    await next.running;
  };
}
