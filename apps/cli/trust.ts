import { join } from 'node:path';

import { type Organisation, printable } from '@dockchains/client';
import { encodePublicKey, parsePolicy, parseVerifierKey, type Policy, TlogError } from '@dockchains/tlog';

import { CliError } from './errors.ts';
import { configDirectory, findCloneFile, findFile, writeFileAtomically } from './files.ts';
import type { Io } from './io.ts';

/** Whom to believe, and the file that says so (C2SP tlog-policy). */
export type Trust = { readonly policy: Policy; readonly path: string };

/** What is pinned of an organisation: the keys of its ledgers, and those that its certificate says they had. */
export type Pinnable = Pick<Organisation, 'name' | 'logs' | 'fingerprint'> & {
  readonly descriptor: Pick<Organisation['descriptor'], 'formerKeys'>;
};

/** What pinning an organisation's keys did: the verifier keys that are new, those that were revoked, and the file. */
export type Pinned = {
  readonly path: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
};

const MAX_POLICY_BYTES = 1024 * 1024;

const NO_POLICY =
  'There is no policy that says whose signatures count, so nothing can be called verified. Run "dockchains login host:port" to pin the keys of an organisation, or give a C2SP tlog-policy file with --policy.';

/**
 * Reads the policy: the file that is named, else `~/.config/dockchains/policy`, else the clone's `.dockchains/trust.policy`.
 * @throws CliError NO_POLICY, BAD_CONFIGURATION
 */
export async function readTrust(io: Io, named: string | undefined): Promise<Trust> {
  const paths = named === undefined ? [ownPath(io), await findCloneFile(io, 'trust.policy')] : [named];
  for (const path of paths.filter((candidate) => candidate !== undefined)) {
    const text = await findFile(path, MAX_POLICY_BYTES);
    if (text !== undefined) return { policy: readPolicy(text.toString('utf8'), path), path };
  }
  if (named === undefined) throw new CliError('NO_POLICY', NO_POLICY);
  throw new CliError('USAGE', `There is no file ${named} to take the policy from.`);
}

/**
 * Pins the keys of an organisation's ledgers on first contact, as ssh does with a host's, and those that they replaced, which verify what was signed
 * before. Afterwards another key is taken only if the certificate whose fingerprint was pinned says that it replaces the one that is; and a key that
 * it calls revoked is removed.
 * @throws CliError KEY_CHANGED if the certificate, or a ledger's key, is another one now
 */
export async function pinLogs(io: Io, described: Pinnable, pinnedFingerprint?: string): Promise<Pinned> {
  const { name, logs, fingerprint } = described;
  if (pinnedFingerprint !== undefined && pinnedFingerprint !== fingerprint) {
    throw new CliError('KEY_CHANGED', certificateChanged({ name, pinnedFingerprint, fingerprint }));
  }
  const path = ownPath(io);
  const text = (await findFile(path, MAX_POLICY_BYTES))?.toString('utf8') ?? '';
  const pinned = pinnedKeys(text);
  const former = formerLogKeys(described);
  // A descriptor by a certificate that nobody pinned may name any key beside those that are.
  const isBelieved = pinnedFingerprint !== undefined || !pinned.some((key) => isLedgerOf(name, nameOf(key)));
  const isVouched = (key: string): boolean =>
    pinnedFingerprint !== undefined && former.some((one) => one.key === key);

  const added: string[] = [];
  const lines: string[] = [];
  for (const log of logs) {
    requireOwn(name, log);
    const { origin, url, verifierKey } = log;
    const known = pinned.filter((key) => nameOf(key) === origin);
    if (known.includes(verifierKey)) continue;
    const [first] = known;
    if (first !== undefined && !known.some(isVouched)) {
      throw new CliError('KEY_CHANGED', keyChanged(path, { origin, known: first, now: verifierKey }));
    }
    added.push(verifierKey);
    lines.push(`log ${verifierKey} ${url}`);
  }
  for (const { key, state } of former) {
    if (!isBelieved || state === 'revoked' || [...pinned, ...added].some((one) => isSameKey(one, key)))
      continue;
    added.push(key);
    lines.push(`log ${key}`);
  }
  const revoked = former.filter(({ key, state }) => state === 'revoked' && isVouched(key));
  // A ledger that goes on with the key of a closed one takes its line: the policy's form has each public key once.
  const isTaken = (key: string): boolean =>
    isVouched(key) && !added.includes(key) && added.some((one) => isSameKey(one, key));
  const removed = pinned.filter((key) => revoked.some((one) => one.key === key) || isTaken(key));
  if (added.length > 0 || removed.length > 0) {
    const left = removeLogs(text, removed);
    const next = lines.length === 0 ? left : addLines(left, lines);
    readPolicy(next, path);
    await writeFileAtomically(path, next);
  }
  return { path, added, removed };
}

/** The keys that the organisation's ledgers had, each with its state. */
function formerLogKeys({ name, descriptor }: Pinnable): Pinnable['descriptor']['formerKeys'] {
  return descriptor.formerKeys.filter(
    ({ role, key }) =>
      (role === 'log-public' || role === 'log-private') && isLedgerOf(name, nameOf(key)) && !/\s/.test(key),
  );
}

const isLedgerOf = (name: string, origin: string): boolean => origin.startsWith(`${name}/ledger/`);

function requireOwn(name: string, { origin, url, verifierKey }: Pinnable['logs'][number]): void {
  const isOwn = isLedgerOf(name, origin) && nameOf(verifierKey) === origin;
  if (isOwn && !/\s/.test(`${url}${verifierKey}`)) return;
  throw new CliError(
    'BAD_CONFIGURATION',
    `${name} presents a ledger that is not its own, ${printable(origin)} with the key ${printable(verifierKey)}. Nothing was pinned.`,
  );
}

function ownPath(io: Io): string {
  return join(configDirectory(io), 'policy');
}

function readPolicy(text: string, path: string): Policy {
  try {
    return parsePolicy(text);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new CliError('BAD_CONFIGURATION', `${path} is not a C2SP tlog-policy: ${cause.message}`, { cause });
  }
}

/** The verifier keys of all logs in a policy. */
function pinnedKeys(text: string): readonly string[] {
  return [...text.matchAll(/^log[ \t]+(\S+)/gm)].map(([, key]) => key ?? '');
}

function removeLogs(text: string, keys: readonly string[]): string {
  return text.replace(/^log[ \t]+(\S+).*(?:\n|$)/gm, (line, key: string) => (keys.includes(key) ? '' : line));
}

/** Whether two verifier keys, of whatever names, are one public key (C2SP signed-note, Verifier keys). */
function isSameKey(one: string, other: string): boolean {
  return encodePublicKey(parseVerifierKey(one)) === encodePublicKey(parseVerifierKey(other));
}

function nameOf(verifierKey: string): string {
  return verifierKey.slice(0, Math.max(verifierKey.indexOf('+'), 0));
}

/** Logs come before the quorum, which stays the last line; a new file trusts the logs' own signatures. */
function addLines(text: string, lines: readonly string[]): string {
  const quorum = /^quorum[ \t].*$/m.exec(text);
  const added = `${lines.join('\n')}\n`;
  if (quorum === null) return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${added}quorum none\n`;
  return `${text.slice(0, quorum.index)}${added}${text.slice(quorum.index)}`;
}

function certificateChanged({
  name,
  pinnedFingerprint,
  fingerprint,
}: {
  name: string;
  pinnedFingerprint: string;
  fingerprint: string;
}): string {
  return `THE CERTIFICATE OF ${name} HAS CHANGED. Somebody may stand between you and the gateway, or the organisation was set up anew.
  pinned: ${pinnedFingerprint}
  now:    ${fingerprint}
Nothing was sent to it. Ask the organisation. If the change is right (a demo was reset), remove it from config.json and its keys from the policy beside it, and log in again.`;
}

function keyChanged(
  path: string,
  { origin, known, now }: { origin: string; known: string; now: string },
): string {
  return `THE KEY OF ${origin} HAS CHANGED. Somebody may stand between you and the gateway, or the ledger was replaced, which no honest one does silently.
  pinned: ${known}
  now:    ${now}
Nothing was sent to it. Ask the organisation. If the change is right (a demo was reset), remove the line with the old key from ${path} and log in again.`;
}
