/** Why the catalog gives no answer. */
export type CatalogErrorCode = 'BAD_QUERY';

/** A question that the catalog does not answer. */
export class CatalogError extends Error {
  override readonly name = 'CatalogError';
  readonly code: CatalogErrorCode;

  constructor(code: CatalogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
