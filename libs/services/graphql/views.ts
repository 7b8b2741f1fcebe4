import type { CatalogArtifact, CatalogRepository } from '@dockchains/catalog';
import { findOrganisation } from '@dockchains/oci';
import type { RepositorySummary, ResolvedManifest } from '@dockchains/registry';

/** A repository as the resolvers pass it on, kept here or known from its ledger. */
export interface RepositoryView {
  /** As references to this gateway have it: another organisation's begins with that. */
  readonly name: string;
  readonly organisation: string;
  /** Its name at its origin. */
  readonly shortName: string;
  readonly visibility: string;
  readonly createdAt: Date;
}

/** An artifact as the resolvers pass it on. */
export interface ArtifactView {
  /** As references to this gateway have it. */
  readonly repository: string;
  readonly organisation: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  readonly recordId: string;
  /** Of the record in another organisation's public ledger. */
  readonly index?: bigint;
  readonly publishedAt: Date;
  readonly tag?: string | undefined;
}

/** Shows a repository that this gateway keeps; `own` is its organisation. */
export function viewOfRepository(
  { name, visibility, createdAt }: RepositorySummary,
  own: string,
): RepositoryView {
  const other = findOrganisation(name);
  const shortName = other === undefined ? name : name.slice(other.length + 1);
  return { name, shortName, organisation: other ?? own, visibility, createdAt };
}

/** Shows a repository of which the catalog knows. */
export function viewOfCatalog(
  { organisation, name, visibility, createdAt }: CatalogRepository,
  own: string,
): RepositoryView {
  const keptName = organisation === own ? name : `${organisation}/${name}`;
  return { name: keptName, shortName: name, organisation, visibility, createdAt };
}

/** Shows an artifact that this gateway keeps. */
export function viewOfManifest(manifest: ResolvedManifest, own: string): ArtifactView {
  return { ...manifest, organisation: findOrganisation(manifest.repository) ?? own };
}

/** Shows an artifact of another organisation, of which the catalog knows. */
export function viewOfArtifact({ repository, size, ...artifact }: CatalogArtifact): ArtifactView {
  return { ...artifact, repository: `${artifact.organisation}/${repository}`, size: Number(size) };
}
