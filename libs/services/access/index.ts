export { type Access, type AccessDeps, type AccessLimits, createAccess } from './access.ts';
export type { Account, AccountKind } from './account-rows.ts';
export type { Accounts, NewAccount } from './accounts.ts';
export type { Page } from './input.ts';
export type { Authentication, ChallengeError, Credentials, IssuedToken } from './authentication.ts';
export type { Decisions, Readable, Rights } from './decisions.ts';
export { AccessError, type AccessErrorCode } from './errors.ts';
export { FACTS_COLUMNS, FACTS_JOINS, FACTS_TEXT, type FactsRow } from './facts.ts';
export { encodePatternExpression, EVERYTHING, isPattern, matchesPattern, parsePattern } from './glob.ts';
export {
  IMMUTABLE_COLUMN,
  immutableTag,
  type ImmutableRule,
  type ImmutableTagRules,
  type ImmutableTags,
  keyOfRule,
} from './immutable-tags.ts';
export type { Namespaces, NamespaceRule, Visibility } from './namespaces.ts';
export { type Action, ANONYMOUS, isAction, type Policy, type Principal } from './principal.ts';
export type { NewRobot, Robots, RobotSecret } from './robots.ts';
export { createRateLimiter, type Rate, type RateLimiter, tooMany } from './rate-limiter.ts';
