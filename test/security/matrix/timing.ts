import { type Answer, REPOSITORIES, type World } from './world.ts';

/** The times of pairs of answers, in milliseconds: what the absent one took, and how much longer the hidden one did. */
export interface PairTimes {
  readonly absentMs: readonly number[];
  readonly differencesMs: readonly number[];
}

/** What an outsider may try: each path is of a repository. */
export const PROBES: readonly (readonly [method: string, path: string])[] = [
  ['GET', 'manifests/1.0'],
  ['HEAD', 'manifests/1.0'],
  ['GET', 'tags/list'],
  ['GET', `blobs/sha256:${'0'.repeat(64)}`],
  ['POST', 'blobs/uploads/'],
  ['PUT', 'manifests/1.0'],
];

/**
 * Asks about the hidden and the absent repository in turns, each first as often, and tells how long the answers take. One
 * request at a time on one connection, so that nothing but the answer is measured.
 */
export async function timePairs(
  { ask }: Pick<World, 'ask'>,
  { pairs, token }: { pairs: number; token: string | undefined },
): Promise<PairTimes> {
  const { hidden, absent } = REPOSITORIES;
  const time = async (method: string, repository: string, path: string): Promise<number> => {
    const began = performance.now();
    const answer = await ask(method, `/v2/${repository}/${path}`, { token });
    const took = performance.now() - began;
    requireRefused(answer);
    return took;
  };
  const absentMs: number[] = [];
  const differencesMs: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const [method, path] = PROBES[pair % PROBES.length] ?? ['GET', 'tags/list'];
    const isHiddenFirst = Math.floor(pair / PROBES.length) % 2 === 0;
    const first = await time(method, isHiddenFirst ? hidden : absent, path);
    const second = await time(method, isHiddenFirst ? absent : hidden, path);
    absentMs.push(isHiddenFirst ? second : first);
    differencesMs.push(isHiddenFirst ? first - second : second - first);
  }
  return { absentMs, differencesMs };
}

/** Gives the median difference as a share of the median time, without its sign: 0.05 is 5 %. */
export function shareOf(rounds: readonly PairTimes[]): number {
  const difference = medianOf(rounds.flatMap(({ differencesMs }) => differencesMs));
  return Math.abs(difference) / medianOf(rounds.flatMap(({ absentMs }) => absentMs));
}

function requireRefused({ status }: Answer): void {
  if (![401, 403, 404].includes(status)) throw new Error(`An outsider was answered ${status}.`);
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}
