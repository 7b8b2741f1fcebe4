export {
  type AddCheckpoint,
  encodeAddCheckpoint,
  MAX_ADD_CHECKPOINT_BYTES,
  parseAddCheckpoint,
  parseWitnessLines,
  parseWitnessSize,
  SIZE_CONTENT_TYPE,
} from './add-checkpoint.ts';
export { encodeBundle, parseBundle } from './bundle.ts';
export {
  type Checkpoint,
  type CheckpointLimits,
  encodeCheckpoint,
  openCheckpoint,
  type Origin,
  parseCheckpoint,
  parseOrigin,
  requireOrigin,
  signCheckpoint,
} from './checkpoint.ts';
export {
  consistencyPath,
  encodeConsistency,
  MAX_CONSISTENCY_BYTES,
  parseConsistency,
} from './consistency-lines.ts';
export { cosign, type Cosigner, createCosigner, verifyCosignature } from './cosignature.ts';
export {
  encodeEquivocation,
  type Equivocation,
  MAX_EQUIVOCATION_BYTES,
  parseEquivocation,
  verifyEquivocation,
} from './equivocation.ts';
export { TlogError, type TlogErrorCode } from './errors.ts';
export {
  appendLeaves,
  type Appended,
  encodeFrontier,
  type Frontier,
  frontierRoot,
  parseFrontier,
  type TileNode,
} from './frontier.ts';
export { EMPTY_ROOT, HASH_BYTES, hashLeaf, hashNode, MAX_ENTRY_BYTES } from './hash.ts';
export {
  COSIGNATURE_TYPE,
  createVerifierKey,
  ED25519_TYPE,
  encodePublicKey,
  encodeVerifierKey,
  keyId,
  parseVerifierKey,
  type SignatureType,
  type VerifierKey,
} from './keys.ts';
export {
  addSignatures,
  encodeNote,
  type Note,
  type NoteLimits,
  type NoteSignature,
  parseNote,
  parseSignatureLines,
} from './note.ts';
export {
  type Accepted,
  checkPolicy,
  NO_QUORUM,
  type Policy,
  type PolicyGroup,
  type PolicyLog,
  type PolicyWitness,
  type Witnessed,
} from './policy.ts';
export { encodePolicy, parsePolicy } from './policy-file.ts';
export { encodeProofFile, parseProofFile, type ProofFile, verifyProofFile } from './proof-file.ts';
export { proveConsistency, proveInclusion, rootFromTiles, type TileReader } from './prove.ts';
export { createNoteSigner, type NoteSigner } from './sign-note.ts';
export {
  appendToTree,
  type DerivedTile,
  EMPTY_TREE,
  encodeTails,
  parseTiledTree,
  partialTiles,
  rootWith,
  type TiledTree,
} from './tiled-tree.ts';
export {
  type BundleId,
  computeTile,
  entriesPath,
  parseTilePath,
  TILE_WIDTH,
  type TileId,
  type TilePath,
  tilePath,
  tileRoot,
  tileWidth,
} from './tiles.ts';
export {
  encodeUnexplained,
  isUnexplained,
  MAX_UNEXPLAINED_BYTES,
  parseUnexplained,
  type Unexplained,
  verifyUnexplained,
} from './unexplained.ts';
export { verifyNote, type VerifiedSignature } from './verify-note.ts';
export {
  type Consistency,
  findPrefixRoot,
  type Inclusion,
  verifyConsistency,
  verifyInclusion,
} from './verify-proof.ts';
