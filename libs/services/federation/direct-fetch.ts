import type { Fetch } from '@dockchains/client';

/** Gives a fetch that follows no redirection: requests go where an operator's peers are, and nowhere that a peer sends us. */
export function directFetch(fetch: Fetch = globalThis.fetch): Fetch {
  return (input, init) => fetch(input, { ...init, redirect: 'error' });
}
