import type { Descriptor } from '@dockchains/identity';
import {
  parseVerifierKey,
  type Policy,
  type PolicyLog,
  type PolicyWitness,
  type VerifierKey,
  encodePublicKey,
} from '@dockchains/tlog';

import type { Peer } from '../peers/peers.ts';

type Said = Pick<Descriptor, 'keys' | 'formerKeys'>;

/**
 * A policy that also knows the keys that were replaced, but not revoked, of our logs (`said` is our own descriptor) and of the peers' witnesses and
 * mirrors: what they signed stands. A peer's witness keys count once, whichever of them cosigned.
 */
export function withFormerKeys(policy: Policy, said: Said | undefined, peers: readonly Peer[]): Policy {
  const known = new Set<string>();
  const isNew = (key: VerifierKey): boolean => {
    const text = encodePublicKey(key);
    return !known.has(text) && known.add(text).size > 0;
  };
  for (const { key } of [...policy.logs, ...policy.witnesses]) isNew(key);

  const logs = [...policy.logs, ...formerLogs(said, policy.logs).filter(({ key }) => isNew(key))];
  const witnesses = [...policy.witnesses];
  const counting = new Map<string, string>();
  const groups: Policy['groups'][number][] = [];
  for (const { descriptor } of peers) {
    for (const role of ['witness', 'mirror'] as const) {
      const { name } = parseVerifierKey(descriptor.keys[role]);
      const former = formerCosigners(descriptor, role).filter(({ key }) => isNew(key));
      witnesses.push(...former);
      const isMember = policy.groups.some(({ members }) => members.includes(name));
      if (former.length === 0 || !isMember) continue;
      const group = { name: `${name}/any`, threshold: 1, members: [name, ...former.map((one) => one.name)] };
      counting.set(name, group.name);
      groups.push(group);
    }
  }
  const renamed = policy.groups.map((group) => ({
    ...group,
    members: group.members.map((member) => counting.get(member) ?? member),
  }));
  return { ...policy, logs, witnesses, groups: [...groups, ...renamed] };
}

/** Besides the former ones the newest: while a log signs with both, the policy has the other. */
function formerLogs(said: Said | undefined, logs: readonly PolicyLog[]): PolicyLog[] {
  if (said === undefined) return [];
  const former = said.formerKeys.filter(
    ({ role, state }) => state === 'replaced' && (role === 'log-public' || role === 'log-private'),
  );
  const texts = [said.keys.logs.public, said.keys.logs.private, ...former.map(({ key }) => key)];
  return texts.map(parseVerifierKey).map((key) => {
    const url = logs.find((log) => log.key.name === key.name)?.url;
    return { key, ...(url !== undefined && { url }) };
  });
}

function formerCosigners({ formerKeys }: Said, role: 'witness' | 'mirror'): PolicyWitness[] {
  return formerKeys
    .filter((former) => former.role === role && former.state === 'replaced')
    .map(({ key }) => parseVerifierKey(key))
    .map((key) => ({ name: `${key.name}/${encodePublicKey(key).slice(0, 8)}`, key }));
}
