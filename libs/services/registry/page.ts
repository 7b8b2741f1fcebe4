/** One page of a list that is ordered by key; `last` is the key to go on after, undefined at the end. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly last: string | undefined;
}

/** Cuts rows that were read with one more than `limit`, to tell whether there are more. */
export function cutPage<Item>(
  rows: readonly Item[],
  limit: number,
  keyOf: (item: Item) => string,
): Page<Item> {
  const items = rows.slice(0, limit);
  const final = items.at(-1);
  return { items, last: rows.length > limit && final !== undefined ? keyOf(final) : undefined };
}
