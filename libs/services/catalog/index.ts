export {
  type Catalog,
  type CatalogDeps,
  type CatalogLedger,
  type CatalogStatus,
  openCatalog,
} from './catalog.ts';
export { openedSource } from './opened-source.ts';
export { CatalogError, type CatalogErrorCode } from './errors.ts';
export type { CatalogArtifact, CatalogTag } from './read.ts';
export { type CatalogRepository, type FoundRepository, MAX_MATCHES } from './search.ts';
