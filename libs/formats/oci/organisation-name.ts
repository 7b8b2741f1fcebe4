import { isRepositoryName, type RepositoryName } from './reference.ts';

/** A repository's name taken apart: whose it is, undefined for the gateway's own, and its name at its origin. */
export type QualifiedName = { organisation: string | undefined; repository: RepositoryName };

/**
 * Takes a name apart as a gateway of `own` understands it: a first component with a dot is the organisation whose repository it is, and
 * our own may be named or not.
 */
export function splitOrganisation(name: RepositoryName, own: string): QualifiedName {
  const organisation = findOrganisation(name);
  const rest = organisation === undefined ? '' : name.slice(organisation.length + 1);
  if (organisation === undefined || !isRepositoryName(rest)) {
    return { organisation: undefined, repository: name };
  }
  return { organisation: organisation === own ? undefined : organisation, repository: rest };
}

/** Gives the name that a gateway of `own` keeps a repository under: without its own organisation, with another's. */
export function keptName(name: RepositoryName, own: string): RepositoryName {
  const { organisation, repository } = splitOrganisation(name, own);
  return organisation === undefined ? repository : name;
}

/** Finds the organisation that a kept name begins with; undefined for a repository of the gateway's own. */
export function findOrganisation(name: string): string | undefined {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  return first.includes('.') ? first : undefined;
}
