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
  const logs = members.flatMap(readLogs);
  const descriptors = members.map(({ descriptor }) => readDescriptor(readFileSync(descriptor, 'utf8')));
  const witnesses = descriptors.map(({ keys, endpoints }) => lineOf(keys.witness, endpoints.witness));
  const mirrors = descriptors.map(({ keys }) => lineOf(keys.mirror));
  const names = descriptors.map(({ keys }) => nameOf(keys.witness));
  const quorum =
    names.length > 1 ? [`group witnesses any ${names.join(' ')}`, 'quorum witnesses'] : ['quorum none'];
  replaceFile(trustFile, `${[...logs, ...witnesses, ...mirrors, ...quorum].join('\n')}\n`, 0o644);
}

// The gateway writes them itself: while a log's key is being replaced, it knows which is to be believed.
function readLogs({ keys }) {
  const policy = readFileSync(join(keys, 'trust.policy'), 'utf8');
  return policy.split('\n').filter((line) => line.startsWith('log '));
}

const nameOf = (verifierKey) => verifierKey.slice(0, verifierKey.indexOf('+'));
const lineOf = (verifierKey, url) =>
  ['witness', nameOf(verifierKey), verifierKey, ...(url ? [url] : [])].join(' ');
