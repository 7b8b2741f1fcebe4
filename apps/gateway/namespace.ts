import { OciError } from '@dockchains/oci';

/** By what names clients know this registry: the organisation's, and where they reach its gateways. */
export interface RegistryNames {
  /** DNS name of the organisation. */
  readonly organisation: string;
  /** Where clients reach the gateway. */
  readonly publicUrl: string;
}

/**
 * Reads the `ns` parameters of a request, the host in the name that the client uses (distribution-spec main, Registry
 * Proxying), and gives the value for `OCI-Namespace`; undefined if there is none. It is looked up among what is known and
 * never dialled, and what is ours is never served under somebody else's name.
 * @throws OciError NAME_UNKNOWN for any other host
 */
export function findNamespace(query: URLSearchParams, names: RegistryNames): string | undefined {
  const [namespace, ...others] = query.getAll('ns');
  if (namespace === undefined) return undefined;
  const own = [names.organisation, new URL(names.publicUrl).host];
  if (others.every((other) => other === namespace) && own.includes(namespace.toLowerCase())) return namespace;
  throw new OciError('NAME_UNKNOWN', 'The registry keeps nothing of the host that "ns" names.');
}
