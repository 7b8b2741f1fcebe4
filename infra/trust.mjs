// The policy by which the command line believes the ledgers of this machine's organisations (C2SP tlog-policy).
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { organisations, pathsOf, replaceFile, trustFile } from './federation.mjs';
import { readDescriptor } from './own-gateway.mjs';

/**
 * Writes one policy for all organisations that have state here: their logs, witnesses and mirrors. One witness of a peer is
 * enough, so that the federation goes on while one of three is stopped; one organisation alone has none.
 */
export function writeTrustPolicy() {
  const members = organisations.map(pathsOf).filter(({ descriptor }) => existsSync(descriptor));
  const descriptors = members.map(({ descriptor }) => readDescriptor(readFileSync(descriptor, 'utf8')));
  const logs = [...members.flatMap(readLogs), ...descriptors.flatMap(formerLogs)];
  const current = descriptors.map(({ keys, endpoints }) => lineOf(keys.witness, endpoints.witness));
  const mirrors = descriptors.flatMap(({ keys }) => lineOf(keys.mirror));
  const former = descriptors.flatMap((one) => [...formerOf(one, 'witness'), ...formerOf(one, 'mirror')]);
  const witnesses = [...current, ...mirrors, ...former.map((key) => lineOf(key, undefined, formerName(key)))];
  const counting = descriptors.map(countingOf);
  const names = counting.map(({ name }) => name);
  const quorum =
    names.length > 1 ? [`group witnesses any ${names.join(' ')}`, 'quorum witnesses'] : ['quorum none'];
  const groups = names.length > 1 ? counting.flatMap(({ groups: own }) => own) : [];
  replaceFile(trustFile, `${[...uniqueByKey(logs), ...witnesses, ...groups, ...quorum].join('\n')}\n`, 0o644);
}

// What a replaced key signed stands; of an organisation's witness any of its keys counts, once.
const formerOf = ({ formerKeys }, role) =>
  formerKeys.filter((one) => one.role === role && one.state === 'replaced').map(({ key }) => key);
const formerLogs = (descriptor) =>
  ['log-public', 'log-private'].flatMap((role) => formerOf(descriptor, role)).map((key) => `log ${key}`);
const formerName = (verifierKey) => {
  const key = Buffer.from(verifierKey.split('+').slice(2).join('+'), 'base64').subarray(1);
  return `${nameOf(verifierKey)}/${key.toString('hex', 0, 4)}`;
};

function countingOf(descriptor) {
  const name = nameOf(descriptor.keys.witness);
  const former = formerOf(descriptor, 'witness').map(formerName);
  if (former.length === 0) return { name, groups: [] };
  return { name: `${name}/any`, groups: [`group ${name}/any any ${[name, ...former].join(' ')}`] };
}

// The policy's form has each public key once: the ledger that goes on with the key of a closed one is named, and that one is not.
function uniqueByKey(lines) {
  const keyOf = (line) => line.split(' ')[1].split('+').slice(2).join('+');
  return [...new Map(lines.toReversed().map((line) => [keyOf(line), line])).values()].toReversed();
}

// The gateway writes them itself: while a log's key is being replaced, it knows which is to be believed.
function readLogs({ keys }) {
  const policy = readFileSync(join(keys, 'trust.policy'), 'utf8');
  return policy.split('\n').filter((line) => line.startsWith('log '));
}

const nameOf = (verifierKey) => verifierKey.slice(0, verifierKey.indexOf('+'));
const lineOf = (verifierKey, url, name = nameOf(verifierKey)) =>
  ['witness', name, verifierKey, ...(url ? [url] : [])].join(' ');
