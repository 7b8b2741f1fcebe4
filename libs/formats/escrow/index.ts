export { lp } from './encoding.ts';
export { EscrowError, type EscrowErrorCode } from './errors.ts';
export { parsePoint, type RandomBytes } from './group.ts';
export { type OpeningOf, OPENING_BYTES, openWithKey, verifyOpening } from './opening.ts';
export {
  commitRepository,
  type Encapsulation,
  type MadeScope,
  makeScope,
  MIN_SCOPE_SECONDS,
  scopeLabel,
  type ScopeTerms,
  verifyScope,
} from './scope.ts';
export { type ScopeSecret, unwrapScopeSecret, wrapScopeSecret } from './scope-secret.ts';
export { generateSealingKey, parseSealingKey, sealingPanelId, sealingPublicKey } from './sealing-key.ts';
