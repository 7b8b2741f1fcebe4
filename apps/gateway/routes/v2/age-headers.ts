import type { Freshness } from '@dockchains/federation';

const STALE_SECONDS = 60;

/**
 * How old what a mirror says of tags may be (RFC 9111 §5.1), and past a minute a word about it (distribution-spec, Warnings); nothing
 * where it is not a mirror's.
 */
export function ageHeaders(freshness: Freshness | undefined): Record<string, string> {
  if (freshness === undefined) return {};
  const { ageSeconds } = freshness;
  if (ageSeconds === undefined) {
    return { warning: '299 - "The origin has not been reached yet: tags may have moved."' };
  }
  const age = { age: String(ageSeconds) };
  if (ageSeconds < STALE_SECONDS) return age;
  return {
    ...age,
    warning: `299 - "The origin has not been reached for ${ageSeconds} s: tags may have moved."`,
  };
}
