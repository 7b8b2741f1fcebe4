import { decodeText, hasControl, parseDecimal } from './encoding.ts';
import { TlogError } from './errors.ts';
import {
  COSIGNATURE_TYPE,
  ED25519_TYPE,
  encodeVerifierKey,
  parseVerifierKey,
  type SignatureType,
  type VerifierKey,
  encodePublicKey,
} from './keys.ts';
import { NO_QUORUM, type Policy, type PolicyGroup, type PolicyLog, type PolicyWitness } from './policy.ts';

const MAX_POLICY_BYTES = 256 * 1024;

/** A policy while its lines are read. `free` holds the names that no group has as a member yet. */
type Draft = {
  logs: PolicyLog[];
  witnesses: PolicyWitness[];
  groups: PolicyGroup[];
  quorum: string | undefined;
  names: Set<string>;
  free: Set<string>;
  publicKeys: Set<string>;
};

/**
 * Reads a policy file of at most 256 KiB (tlog-policy, Policy file syntax and structure). Beyond the specification it must be UTF-8,
 * and no log and witness may share a public key.
 * @throws TlogError BAD_POLICY with the line's number; `cause` says what is wrong with a key
 */
export function parsePolicy(source: string | Uint8Array): Policy {
  const text = decodeText(source, MAX_POLICY_BYTES);
  if (text === undefined) throw badPolicy('The policy is too long or no valid UTF-8.');

  const draft: Draft = {
    logs: [],
    witnesses: [],
    groups: [],
    quorum: undefined,
    names: new Set(),
    free: new Set(),
    publicKeys: new Set(),
  };
  text.split('\n').forEach((line, i) => {
    try {
      readLine(draft, line);
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      throw new TlogError('BAD_POLICY', `Line ${i + 1} of the policy: ${error.message}`, { cause: error });
    }
  });

  const { logs, witnesses, groups, quorum } = draft;
  if (quorum === undefined) throw badPolicy('The policy has no quorum line.');
  return { logs, witnesses, groups, quorum };
}

/**
 * Encodes a policy as a file: logs, witnesses, groups, quorum, one a line (tlog-policy).
 * @throws TlogError BAD_POLICY if {@link parsePolicy} would refuse it
 */
export function encodePolicy({ logs, witnesses, groups, quorum }: Policy): string {
  const lines = [
    ...logs.map(({ key, url }) => ['log', encodeVerifierKey(key), ...(url === undefined ? [] : [url])]),
    ...witnesses.map(({ name, key, url }) => [
      'witness',
      name,
      encodeVerifierKey(key),
      ...(url === undefined ? [] : [url]),
    ]),
    ...groups.map(({ name, threshold, members }) => [
      'group',
      name,
      encodeThreshold(threshold, members),
      ...members,
    ]),
    ['quorum', quorum],
  ];
  const text = lines.map((words) => `${words.join(' ')}\n`).join('');
  parsePolicy(text);
  return text;
}

function readLine(draft: Draft, line: string): void {
  if (hasControl(line, '\t') || line.includes('\x7f')) throw badPolicy('it has a control character in it.');
  const [keyword, ...words] = line.split(/[ \t]+/).filter((word) => word !== '');
  if (keyword === undefined || keyword.startsWith('#')) return;

  switch (keyword) {
    case 'log':
      readLog(draft, words);
      return;
    case 'witness':
      readWitness(draft, words);
      return;
    case 'group':
      readGroup(draft, words);
      return;
    case 'quorum':
      readQuorum(draft, words);
      return;
    default:
      throw badPolicy(`"${keyword.slice(0, 40)}" is none of log, witness, group and quorum.`);
  }
}

function readLog(draft: Draft, [vkey, url, ...rest]: string[]): void {
  if (vkey === undefined || rest.length > 0) throw badPolicy('log <vkey> [<url>] is expected.');
  const key = readKey(draft, vkey, ED25519_TYPE);
  draft.logs.push({ key, ...(url !== undefined && { url }) });
}

function readWitness(draft: Draft, [name, vkey, url, ...rest]: string[]): void {
  if (name === undefined || vkey === undefined || rest.length > 0) {
    throw badPolicy('witness <name> <vkey> [<url>] is expected.');
  }
  define(draft, name);
  const key = readKey(draft, vkey, COSIGNATURE_TYPE);
  draft.witnesses.push({ name, key, ...(url !== undefined && { url }) });
}

function readGroup(draft: Draft, [name, needed, ...members]: string[]): void {
  if (name === undefined || needed === undefined || members.length === 0) {
    throw badPolicy('group <name> all|any|<k> <member>... is expected.');
  }
  const threshold = readThreshold(needed, members.length);
  for (const member of members) {
    // `free` has a name from its definition until its use: this refuses the undefined, the repeated and `none` alike.
    if (draft.free.delete(member)) continue;
    throw badPolicy(`the member "${member.slice(0, 80)}" is not defined before, or is in a group already.`);
  }
  define(draft, name);
  draft.groups.push({ name, threshold, members });
}

function readQuorum(draft: Draft, [name, ...rest]: string[]): void {
  if (name === undefined || rest.length > 0) throw badPolicy('quorum <name>|none is expected.');
  if (draft.quorum !== undefined) throw badPolicy('a policy has one quorum line.');
  if (name !== NO_QUORUM && !draft.names.has(name)) {
    throw badPolicy(`the quorum "${name.slice(0, 80)}" is not defined before.`);
  }
  draft.quorum = name;
}

function define({ names, free }: Draft, name: string): void {
  if (name === NO_QUORUM || names.has(name)) {
    throw badPolicy(`the name "${name.slice(0, 80)}" is taken.`);
  }
  names.add(name);
  free.add(name);
}

function readKey({ publicKeys }: Draft, vkey: string, type: SignatureType): VerifierKey {
  const key = parseVerifierKey(vkey);
  if (key.type !== type) {
    throw badPolicy(`the key "${key.name}" is of type ${key.type}; one of type ${type} belongs here.`);
  }
  const raw = encodePublicKey(key);
  if (publicKeys.has(raw)) throw badPolicy(`the public key of "${key.name}" stands here twice.`);
  publicKeys.add(raw);
  return key;
}

function readThreshold(needed: string, count: number): number {
  if (needed === 'all') return count;
  if (needed === 'any') return 1;
  const threshold = parseDecimal(needed);
  if (threshold !== undefined && threshold >= 1n && threshold <= BigInt(count)) return Number(threshold);
  throw badPolicy(`"${needed.slice(0, 40)}" is none of all, any and a number from 1 to ${count}.`);
}

function encodeThreshold(threshold: number, members: readonly string[]): string {
  return threshold === members.length ? 'all' : threshold === 1 ? 'any' : String(threshold);
}

function badPolicy(message: string): TlogError {
  return new TlogError('BAD_POLICY', message);
}
