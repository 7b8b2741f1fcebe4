/** One figure that stands for itself, with the bound that it should keep. */
export interface Reading {
  readonly figure: string;
  readonly unit: string;
  readonly ours: number;
  /** The peer's, where it has the like. */
  readonly peer?: number;
  readonly bound: { readonly atMost: number } | { readonly atLeast: number } | undefined;
}

/** Says whether a reading keeps its bound; one without a bound does. */
export function keepsBound({ ours, bound }: Reading): boolean {
  if (bound === undefined) return true;
  return 'atMost' in bound ? ours <= bound.atMost : ours >= bound.atLeast;
}
