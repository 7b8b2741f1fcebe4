import type { EntrySource } from '@dockchains/ledger';

import type { Replication } from '../replication/replication.ts';

/** The peers' public ledgers as they are replicated here, and how they stand. */
export type Replicas = Pick<Replication, 'status'> & { sources(): readonly EntrySource[] };

/** How old what a mirror knows of an organisation's tags is, in whole seconds; undefined before the first contact. */
export type Freshness = { readonly ageSeconds: number | undefined };
