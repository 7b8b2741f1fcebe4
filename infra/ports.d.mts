/**
 * A free port of loopback: the preferred one, else one below the range that outgoing connections and servers on port 0 are given.
 * @throws if none is found
 */
export function findFreePort(preferred?: number): Promise<number>;
