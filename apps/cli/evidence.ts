import { ClientError, type EvidenceSubject, type VerifiedEvidence, verifyEvidence } from '@dockchains/client';
import { splitOrganisation } from '@dockchains/oci';

import { CliError } from './errors.ts';
import { localName, type Target } from './reference.ts';
import type { Trust } from './trust.ts';

/**
 * What evidence about a target must be about. The organisation's name is what ledgers know, a host is not: one must be
 * known for the other.
 * @throws CliError USAGE
 */
export function subjectOf(
  { organisation: target, registry, repository, tag, digest }: Target,
  name?: string,
): EvidenceSubject {
  const known = target?.name ?? name ?? (registry.includes(':') ? undefined : registry);
  if (known !== undefined) {
    // A gateway has others' repositories under their organisation's name, and that organisation's ledger speaks for them.
    const named = splitOrganisation(repository, known);
    const organisation = named.organisation ?? known;
    return { organisation, repository: named.repository, tag, digest };
  }
  throw new CliError(
    'USAGE',
    `${registry} is not the registry of an organisation that is known here, so nothing says whose ledger must speak. Write the organisation's name for it, like acme.example/${repository}, or run "dockchains login ${registry}".`,
  );
}

/**
 * Verifies a bundle under the policy that was found.
 * @throws CliError VERIFICATION_FAILED, with the policy's path: what fails may be it that is old
 */
export function verifyUnder(
  { policy, path }: Trust,
  bundle: string | Uint8Array,
  subject: EvidenceSubject,
): VerifiedEvidence {
  try {
    return verifyEvidence(bundle, { policy, subject });
  } catch (cause) {
    if (!(cause instanceof ClientError)) throw cause;
    throw new CliError('VERIFICATION_FAILED', `Not verified, by the policy ${path}. ${cause.message}`, {
      cause,
    });
  }
}

/** Lines that say how the record was shown, if it is sealed, and who vouches for it: the log, the witnesses, and the file by which they are believed. */
export function signersText(
  { checkpoint, logKey, witnesses, disclosure }: VerifiedEvidence,
  { path }: Trust,
): string {
  const cosigned = witnesses.map(
    ({ name, timestamp }) => `cosigned by ${name} at ${new Date(Number(timestamp) * 1000).toISOString()}`,
  );
  return [
    ...(disclosure === undefined ? [] : [disclosure]),
    `signed by ${logKey}, tree of ${checkpoint.size} entries`,
    ...(cosigned.length > 0 ? cosigned : ['cosigned by no witness that the policy names']),
    `by the policy ${path}`,
  ].join('\n');
}

/** The same for programs. */
export function evidenceJson(verified: VerifiedEvidence, { path }: Trust) {
  const { record, index, checkpoint, logKey, witnesses, statement, disclosure } = verified;
  return {
    verified: true,
    statement,
    disclosure: disclosure ?? null,
    index: index.toString(),
    record,
    checkpoint: {
      origin: checkpoint.origin,
      size: checkpoint.size.toString(),
      root: Buffer.from(checkpoint.root).toString('base64'),
    },
    signedBy: logKey,
    witnesses: witnesses.map(({ name, timestamp }) => ({ name, timestamp: timestamp.toString() })),
    policy: path,
  };
}

/** A file name for a target's bundle: `app-1.0.tlog-proof`. */
export function bundleName(target: Target): string {
  const name = localName(target).split('/').at(-1) ?? '';
  return `${name.replaceAll(/[:@]+/g, '-')}.tlog-proof`;
}
