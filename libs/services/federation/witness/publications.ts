import { type Fetch, send } from '@dockchains/client';
import type { Queryable } from '@dockchains/database';
import type { Descriptor } from '@dockchains/identity';
import type { Publication } from '@dockchains/ledger';
import { encodePolicy, type Policy, type PolicyLog } from '@dockchains/tlog';

import { directFetch } from '../direct-fetch.ts';
import type { Peers } from '../peers/peers.ts';
import { hashOrigin } from '../replication/replica.ts';
import { createPolicies } from './policies.ts';

/** How the ledgers of the organisation are published, from before its peers are opened on. */
export interface Publications {
  of(log: { readonly origin: string; readonly isPublic: boolean }): Publication;
  /** Who hears that a head of the log is to be cosigned. */
  onAnnounced(origin: string, listener: () => void): void;
  /** The C2SP tlog-policy, a file's text, by which others may believe the organisation's logs; `said` is its own descriptor. */
  trust(said: Pick<Descriptor, 'keys' | 'formerKeys'> | undefined): Promise<string>;
}

/** What they need. */
export interface PublicationsDeps {
  readonly database: Queryable;
  readonly peers: Pick<Peers, 'list'>;
  /** Our own logs. */
  readonly logs: readonly PolicyLog[];
  /** Witnesses of others' making. */
  readonly others: Policy | undefined;
  readonly fetch?: Fetch;
  /** Hears how long a head waited between its announcement and its publication here. */
  readonly observePublished: (log: { readonly isPublic: boolean }, waitedMs: number) => void;
}

const MAX_NOTE_BYTES = 64 * 1024;
const TIMEOUT_MS = 2_000;

/** Makes them. */
export function createPublications(deps: PublicationsDeps): Publications {
  const policies = createPolicies(deps);
  const listeners = new Map<string, () => void>();
  return {
    of: (log) => {
      const answered = new Set<string>();
      return {
        policy: () => policies.publicationOf(log),
        isHeld: (note) => (log.isPublic ? policies.isMirrored(note) : Promise.resolve(true)),
        observePublished: (waitedMs) => {
          deps.observePublished(log, waitedMs);
        },
        announce: () => listeners.get(log.origin)?.(),
        findWitnessed: () => findWitnessed(deps, log.origin, answered),
      };
    },
    onAnnounced: (origin, listener) => listeners.set(origin, listener),
    trust: async (said) => encodePolicy(await policies.trust(said)),
  };
}

/** What peers cosigned last of the log: each is asked until it has answered once, since what this process signs later it remembers itself. */
async function findWitnessed(
  { peers, fetch }: PublicationsDeps,
  origin: string,
  answered: Set<string>,
): Promise<string[]> {
  const asked = (await peers.list()).filter(({ organisation }) => !answered.has(organisation));
  const notes = await Promise.all(
    asked.map(async ({ organisation, descriptor }) => {
      const url = `${descriptor.endpoints.witness}/${hashOrigin(origin)}/checkpoint`;
      try {
        const { status, bytes } = await send(directFetch(fetch), {
          url,
          maxBytes: MAX_NOTE_BYTES,
          timeoutMs: TIMEOUT_MS,
        });
        if (status === 200 || status === 404) answered.add(organisation);
        return status === 200 ? [Buffer.from(bytes).toString('utf8')] : [];
      } catch {
        return []; // it is away: its policy is for those who are there
      }
    }),
  );
  return notes.flat();
}
