import type { EntrySource } from '@dockchains/ledger';

/** A peer's public ledger as it is replicated here; `checkedAt`: when its origin itself was last found to have published no more. */
export interface MirroredSource extends EntrySource {
  checkedAt(): Promise<Date | undefined>;
}

/** How old what a mirror knows of an organisation's tags is, in whole seconds; undefined before the first contact. */
export type Freshness = { readonly ageSeconds: number | undefined };
