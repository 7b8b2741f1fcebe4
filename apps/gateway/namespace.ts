import type { Descriptor } from '@dockchains/identity';
import { findOrganisation, isRepositoryName, OciError, type RepositoryName } from '@dockchains/oci';

/** By what names clients know the registries of the federation. */
export interface RegistryNames {
  /** DNS name of our organisation. */
  readonly organisation: string;
  /** Where clients reach our gateway. */
  readonly publicUrl: string;
  readonly peers: {
    list(): Promise<
      readonly { readonly organisation: string; readonly descriptor: Pick<Descriptor, 'endpoints'> }[]
    >;
  };
}

/** What a request's `ns` names. */
export interface Namespace {
  /** As the client wrote it: the value for `OCI-Namespace`. */
  readonly host: string;
  /** Whose registry it is. */
  readonly organisation: string;
}

/**
 * Reads the `ns` parameters of a request, the host in the name that the client uses (distribution-spec main, Registry
 * Proxying); undefined if there is none. It is looked up among what is known, our own names and those that peers' descriptors
 * give, and never dialled.
 * @throws OciError NAME_UNKNOWN for any other host
 */
export async function findNamespace(
  query: URLSearchParams,
  { organisation, publicUrl, peers }: RegistryNames,
): Promise<Namespace | undefined> {
  const [host, ...others] = query.getAll('ns');
  if (host === undefined) return undefined;
  if (others.every((other) => other === host)) {
    const name = host.toLowerCase();
    if (name === organisation || name === new URL(publicUrl).host) return { host, organisation };
    const peer = (await peers.list()).find(
      (one) => name === one.organisation || name === one.descriptor.endpoints.registry,
    );
    if (peer !== undefined) return { host, organisation: peer.organisation };
  }
  throw new OciError(
    'NAME_UNKNOWN',
    'The registry keeps nothing of the host that "ns" names: name an organisation of this federation, or its registry.',
  );
}

/**
 * Gives the name by which this federation knows what the namespace's registry calls `repository`; a name that begins with an organisation
 * says itself whose it is.
 * @throws OciError NAME_INVALID if the whole is too long
 */
export function nameWithin({ organisation }: Namespace, repository: RepositoryName): RepositoryName {
  if (findOrganisation(repository) !== undefined) return repository;
  const name = `${organisation}/${repository}`;
  if (isRepositoryName(name)) return name;
  throw new OciError('NAME_INVALID', 'The repository’s name is too long with its organisation before it.');
}
