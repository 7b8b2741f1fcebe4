import { findFreePort as findAnyFreePort } from '../../infra/ports.mjs';

// Two workers that look at once would find the same port free, each before the other's server has it.
const WORKERS = 8;
const worker = Number(process.env.VITEST_POOL_ID ?? 0) % WORKERS;
const given = new Set<number>();

/**
 * Finds a port of this machine that nobody listens on, for a server that may be down for a while and start again on it: the system gives it to nobody who
 * asks for any port, no other worker of the run is given it, and this one never again.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = await findAnyFreePort();
    if (port % WORKERS !== worker || given.has(port)) continue;
    given.add(port);
    return port;
  }
}
