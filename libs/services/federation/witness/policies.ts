import type { Queryable } from '@dockchains/database';
import type { Descriptor } from '@dockchains/identity';
import {
  NO_QUORUM,
  parseNote,
  parseVerifierKey,
  type Policy,
  type PolicyGroup,
  type PolicyLog,
  type PolicyWitness,
  type VerifierKey,
  encodePublicKey,
} from '@dockchains/tlog';

import type { Peer, Peers } from '../peers/peers.ts';
import { withFormerKeys } from './former-keys.ts';

/** By whose cosignatures the organisation's heads are published, and what it tells others to trust. */
export interface Policies {
  /** What a head of this log needs; mirrors count for a public one alone, since nobody else holds the entries of others. */
  publicationOf(log: { readonly origin: string; readonly isPublic: boolean }): Promise<Policy>;
  /** Whether a peer's mirror has cosigned this note of a public log: it holds every entry of it then. */
  isMirrored(note: string): Promise<boolean>;
  /**
   * The policy by which others may believe this organisation's logs: a quorum of witnesses, with the mirrors named. Keys that were replaced, those of
   * its own logs that `said` names and the witnesses', count as well, so that what they signed verifies; revoked ones don't.
   */
  trust(said: Pick<Descriptor, 'keys' | 'formerKeys'> | undefined): Promise<Policy>;
}

/** What they are made from. */
export interface PoliciesDeps {
  readonly database: Queryable;
  readonly peers: Pick<Peers, 'list'>;
  /** Our own logs. */
  readonly logs: readonly PolicyLog[];
  /** Witnesses of others' making; their quorum, unless it is `none`, must be met besides the peers'. */
  readonly others: Policy | undefined;
}

const WITNESSES = 'peer-witnesses';
const MIRRORS = 'peer-mirrors';
const ALL = 'peers-and-others';
const REMEMBER_MS = 1_000;

const READ_COSIGNERS = {
  name: 'witness-read-cosigners',
  text: 'SELECT c.name FROM cosigner c JOIN ledger l ON l.id = c.ledger_id WHERE l.origin = $1',
};

/**
 * Of n witnesses how many must have cosigned: with fewer than four one, which is weak, else ⌊2n/3⌋ + 1, so that neither those who fail nor
 * those who show others another log decide alone.
 */
export function quorumOf(count: number): number {
  return count <= 3 ? 1 : Math.floor((2 * count) / 3) + 1;
}

/** Makes the policies. Without peers and others nothing is asked of the database. */
export function createPolicies({ database, peers, logs, others }: PoliciesDeps): Policies {
  const remembered = new Map<string, { readonly at: number; readonly names: Promise<ReadonlySet<string>> }>();

  // A peer counts from its first cosignature on: until then it has not added us, and would hold everything up.
  const joined = (origin: string): Promise<ReadonlySet<string>> => {
    const known = remembered.get(origin);
    if (known !== undefined && performance.now() - known.at < REMEMBER_MS) return known.names;
    const names = database
      .query<{ name: string }>(READ_COSIGNERS, [origin])
      .then((rows) => new Set(rows.map(({ name }) => name)));
    remembered.set(origin, { at: performance.now(), names });
    names.catch(() => remembered.delete(origin));
    return names;
  };

  const build = async (origin: string, { needsMirror }: { needsMirror: boolean }): Promise<Policy> => {
    const active = await peers.list();
    if (active.length === 0 && others === undefined) {
      return { logs, witnesses: [], groups: [], quorum: NO_QUORUM };
    }
    const foreign = others?.witnesses ?? [];
    const { witnesses, mirrors } = cosignersOf(active, [...logs, ...foreign]);
    const names = await joined(origin);
    const hasJoined = ({ name }: PolicyWitness): boolean => names.has(name);
    const groups = [
      ...groupOf(WITNESSES, witnesses.filter(hasJoined), quorumOf),
      ...(needsMirror ? groupOf(MIRRORS, mirrors.filter(hasJoined), () => 1) : []),
    ];
    return combine({ logs, witnesses: [...witnesses, ...mirrors, ...foreign], groups }, others);
  };

  return {
    publicationOf: ({ origin, isPublic }) => build(origin, { needsMirror: isPublic }),
    async isMirrored(note) {
      // The lines of our own published notes were verified before they were kept.
      const { signatures } = parseNote(note);
      return cosignersOf(await peers.list(), logs).mirrors.some(({ key }) =>
        signatures.some(({ name, keyId }) => name === key.name && keyId === key.keyId),
      );
    },
    async trust(said) {
      const [first] = logs;
      const policy = await build(first?.key.name ?? '', { needsMirror: false });
      return withFormerKeys(policy, said, await peers.list());
    },
  };
}

/**
 * The peers' cosigners. A witness that stands in the file of others too is the file's, and a key that several name is the first one's: a
 * cosignature does not say who made it (tlog-cosignature), so that whoever names another's key would pass his on as a vote of its own.
 */
function cosignersOf(
  active: readonly Peer[],
  others: readonly { readonly key: VerifierKey }[],
): { readonly witnesses: readonly PolicyWitness[]; readonly mirrors: readonly PolicyWitness[] } {
  const taken = new Set(others.flatMap(({ key }) => [key.name, encodePublicKey(key)]));
  const take = (text: string, url?: string): PolicyWitness[] => {
    const key = parseVerifierKey(text);
    if (taken.has(key.name) || taken.has(encodePublicKey(key))) return [];
    taken.add(encodePublicKey(key));
    return [{ name: key.name, key, ...(url !== undefined && { url }) }];
  };
  const found = [...active]
    .sort((a, b) => a.addedAt.getTime() - b.addedAt.getTime())
    .map(({ organisation, descriptor: { keys, endpoints } }) => ({
      organisation,
      witness: take(keys.witness, endpoints.witness),
      mirror: take(keys.mirror),
    }))
    .sort((a, b) => (a.organisation < b.organisation ? -1 : 1));
  return {
    witnesses: found.flatMap(({ witness }) => witness),
    mirrors: found.flatMap(({ mirror }) => mirror),
  };
}

function groupOf(
  name: string,
  members: readonly PolicyWitness[],
  threshold: (count: number) => number,
): PolicyGroup[] {
  if (members.length === 0) return [];
  return [{ name, threshold: threshold(members.length), members: members.map((member) => member.name) }];
}

function combine({ logs, witnesses, groups }: Omit<Policy, 'quorum'>, others: Policy | undefined): Policy {
  const needed = [
    ...groups.map(({ name }) => name),
    ...(others === undefined || others.quorum === NO_QUORUM ? [] : [others.quorum]),
  ];
  const all = [...(others?.groups ?? []), ...groups];
  const [only] = needed;
  if (only === undefined) return { logs, witnesses, groups: all, quorum: NO_QUORUM };
  if (needed.length === 1) return { logs, witnesses, groups: all, quorum: only };
  return {
    ...{ logs, witnesses, quorum: ALL },
    groups: [...all, { name: ALL, threshold: needed.length, members: needed }],
  };
}
