import { join } from 'node:path';

import { type Organisation, printable } from '@dockchains/client';
import { parsePolicy, type Policy, TlogError } from '@dockchains/tlog';

import { CliError } from './errors.ts';
import { configDirectory, findCloneFile, findFile, writeFileAtomically } from './files.ts';
import type { Io } from './io.ts';

/** Whom to believe, and the file that says so (C2SP tlog-policy). */
export type Trust = { readonly policy: Policy; readonly path: string };

/** What is pinned of an organisation: the keys of its ledgers, and those that its certificate says they had. */
export type Pinnable = Pick<Organisation, 'name' | 'logs' | 'fingerprint'> & {
  readonly descriptor: Pick<Organisation['descriptor'], 'formerKeys'>;
};

/** What pinning an organisation's keys did: the verifier keys that are new, and the file that has them. */
export type Pinned = { readonly path: string; readonly added: readonly string[] };

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
 * Pins the keys of an organisation's ledgers on first contact, as ssh does with a host's. Afterwards another key is taken only
 * if the certificate whose fingerprint was pinned says that it replaces the one that is.
 * @throws CliError KEY_CHANGED if the certificate, or a ledger's key, is another one now
 */
export async function pinLogs(
  io: Io,
  { name, logs, fingerprint, descriptor }: Pinnable,
  pinnedFingerprint?: string,
): Promise<Pinned> {
  if (pinnedFingerprint !== undefined && pinnedFingerprint !== fingerprint) {
    throw new CliError('KEY_CHANGED', certificateChanged({ name, pinnedFingerprint, fingerprint }));
  }
  const replaced =
    pinnedFingerprint === undefined
      ? []
      : descriptor.formerKeys.filter(({ state }) => state === 'replaced').map(({ key }) => key);
  const path = ownPath(io);
  let text = (await findFile(path, MAX_POLICY_BYTES))?.toString('utf8') ?? '';
  const pinned = pinnedKeys(text);
  const added: string[] = [];
  const lines: string[] = [];

  for (const { origin, url, verifierKey } of logs) {
    if (
      !origin.startsWith(`${name}/ledger/`) ||
      nameOf(verifierKey) !== origin ||
      /\s/.test(`${url}${verifierKey}`)
    ) {
      throw new CliError(
        'BAD_CONFIGURATION',
        `${name} presents a ledger that is not its own, ${printable(origin)} with the key ${printable(verifierKey)}. Nothing was pinned.`,
      );
    }
    const known = pinned.get(origin);
    if (known === undefined) {
      added.push(verifierKey);
      lines.push(`log ${verifierKey} ${url}`);
    } else if (known !== verifierKey && replaced.includes(known)) {
      added.push(verifierKey);
      text = text.replace(known, () => verifierKey);
    } else if (known !== verifierKey) {
      throw new CliError('KEY_CHANGED', keyChanged(path, { origin, known, now: verifierKey }));
    }
  }
  if (added.length > 0) {
    const next = lines.length === 0 ? text : addLines(text, lines);
    readPolicy(next, path);
    await writeFileAtomically(path, next);
  }
  return { path, added };
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

/** Verifier keys by the origin of their log. */
function pinnedKeys(text: string): ReadonlyMap<string, string> {
  const keys = [...text.matchAll(/^log[ \t]+(\S+)/gm)].map(([, key]) => key ?? '');
  return new Map(keys.map((key) => [nameOf(key), key]));
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
