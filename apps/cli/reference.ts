import {
  type Digest,
  encodeImageReference,
  isTag,
  OciError,
  parseImageReference,
  parseTag,
  type RepositoryName,
  type Tag,
} from '@dockchains/oci';

import { CliError } from './errors.ts';
import { gatewayUrl, type KnownOrganisation } from './organisations.ts';

/** An image of one organisation, as a command line names it. */
export type Target = {
  /** Undefined where the reference is a host that no known organisation has. */
  readonly organisation: KnownOrganisation | undefined;
  /** `host:port`. */
  readonly registry: string;
  /** Root of the gateway. */
  readonly url: string;
  readonly repository: RepositoryName;
  /** `latest` where neither tag nor digest is written, as Docker has it. */
  readonly tag: Tag | undefined;
  readonly digest: Digest | undefined;
  /** The tag, else the digest: what the gateway is asked for. */
  readonly current: Tag | Digest;
};

/**
 * Reads `host:port/repo:tag`, `organisation/repo:tag`, or `repo:tag` where one organisation alone is known; a digest may
 * stand for the tag or behind it.
 * @throws CliError USAGE
 */
export function parseTarget(text: string, organisations: readonly KnownOrganisation[]): Target {
  const { registry, repository, tag, digest } = readReference(text);
  const organisation = findOrganisation(text, registry, organisations);
  const host = organisation?.registry ?? registry;
  if (host === undefined) throw new CliError('USAGE', noOrganisation(text, organisations));

  const current = tag ?? digest ?? parseTag('latest');
  return {
    organisation,
    registry: host,
    url: organisation?.url ?? gatewayUrl(host),
    repository,
    tag: isTag(current) ? current : undefined,
    digest,
    current,
  };
}

/** The target without its registry, as records name it: `app:1.0`, `app@sha256:…`. */
export function localName({ repository, tag, digest }: Target): string {
  return encodeImageReference({
    repository,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
  });
}

function readReference(text: string) {
  try {
    return parseImageReference(text);
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    throw new CliError(
      'USAGE',
      `"${text.slice(0, 300)}" is no image reference: ${cause.message} Write it like acme.example/public/app:1.0.`,
      { cause },
    );
  }
}

function findOrganisation(
  text: string,
  registry: string | undefined,
  organisations: readonly KnownOrganisation[],
): KnownOrganisation | undefined {
  if (registry === undefined) return organisations.length === 1 ? organisations[0] : undefined;
  const named = organisations.find(({ name }) => name === registry);
  if (named !== undefined) return named;
  const served = organisations.filter((known) => known.registry === registry);
  if (served.length > 1) {
    throw new CliError(
      'USAGE',
      `Several organisations are known at ${registry}: write the name for it in "${text}".`,
    );
  }
  return served[0];
}

function noOrganisation(text: string, organisations: readonly KnownOrganisation[]): string {
  if (organisations.length === 0) {
    return `"${text}" names no registry and none is known. Write host:port/${text}, run "npm run up" in the clone, or "dockchains login host:port".`;
  }
  const names = organisations.map(({ name }) => name).join(', ');
  return `"${text}" could be of any of ${names}. Write ${organisations[0]?.name ?? ''}/${text}.`;
}
