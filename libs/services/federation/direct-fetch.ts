import { ClientError, type Fetch } from '@dockchains/client';

/** Gives a fetch that follows no redirection: requests go where an operator's peers are, and nowhere that a peer sends us. */
export function directFetch(fetch: Fetch = globalThis.fetch): Fetch {
  return (input, init) => fetch(input, { ...init, redirect: 'error' });
}

/** Gives one that asks the host of `url` alone: who answers from there can't send us to another for a token either. */
export function fetchWithin(url: string, fetch?: Fetch): Fetch {
  const { origin } = new URL(url);
  const direct = directFetch(fetch);
  return async (input, init) => {
    const asked = new URL(input instanceof Request ? input.url : input);
    if (asked.origin === origin) return direct(input, init);
    throw new ClientError('DENIED', `${origin} sends to ${asked.origin}, which is not asked in its place.`);
  };
}
