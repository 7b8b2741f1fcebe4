export { lp } from './encoding.ts';
export { EscrowError, type EscrowErrorCode } from './errors.ts';
export { parsePoint, type RandomBytes } from './group.ts';
export { type OpeningOf, openWithKey, verifyOpening } from './opening.ts';
export {
  commitRepository,
  type Encapsulation,
  type MadeScope,
  makeScope,
  scopeLabel,
  type ScopeTerms,
  verifyScope,
} from './scope.ts';
export { type ScopeSecret, unwrapScopeSecret, wrapScopeSecret } from './scope-secret.ts';
export { generateSealingKey, parseSealingKey, sealingPanelId, sealingPublicKey } from './sealing-key.ts';
