/**
 * Runs `start` for each item with at most `width` under way, and gives the results in the items' order; no more than
 * `width` results are held. The first failure ends it.
 */
export async function* inOrder<Item, Result>(
  items: Iterable<Item>,
  { width, start }: { width: number; start: (item: Item) => Promise<Result> },
): AsyncGenerator<Result> {
  const underWay: Promise<Result>[] = [];
  try {
    for (const item of items) {
      const result = start(item);
      result.catch(() => undefined); // it is awaited in its turn; until then a failure must not end the process
      underWay.push(result);
      const first = underWay.length >= width ? underWay.shift() : undefined;
      if (first !== undefined) yield await first;
    }
    for (const result of underWay) yield await result;
  } finally {
    await Promise.allSettled(underWay);
  }
}
