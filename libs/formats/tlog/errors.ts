/** Why a value of a transparency log was refused: the closed list that callers branch on. */
export type TlogErrorCode =
  | 'BAD_BUNDLE'
  | 'BAD_CHECKPOINT'
  | 'BAD_EQUIVOCATION'
  | 'BAD_FRONTIER'
  | 'BAD_HASH'
  | 'BAD_INDEX'
  | 'BAD_KEY'
  | 'BAD_NOTE'
  | 'BAD_ORIGIN'
  | 'BAD_POLICY'
  | 'BAD_PROOF'
  | 'BAD_PROOF_FILE'
  | 'BAD_ROOT'
  | 'BAD_SIGNATURE'
  | 'BAD_SIZE'
  | 'BAD_TILE'
  | 'BAD_TILE_PATH'
  | 'BAD_TIMESTAMP'
  | 'ENTRY_TOO_LARGE'
  | 'QUORUM_NOT_MET'
  | 'UNKNOWN_SIGNER';

/** A tree, tile, note, checkpoint, proof or policy that breaks its specification or does not verify. */
export class TlogError extends Error {
  readonly code: TlogErrorCode;

  constructor(code: TlogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TlogError';
    this.code = code;
  }
}
