export { CatalogError, type CatalogErrorCode } from './errors.ts';
