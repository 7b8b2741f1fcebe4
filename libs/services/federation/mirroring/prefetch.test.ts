import type { MissingBlob } from '@dockchains/registry';
import { parseDigest, parseRepositoryName } from '@dockchains/oci';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { FederationError } from '../errors.ts';
import type { MirrorPolicy } from './policies.ts';
import { Prefetch } from './prefetch.ts';

const DIGEST = parseDigest(`sha256:${'a'.repeat(64)}`);
const NEVER = { next: undefined, items: [] };

const policyFor = (pattern: string): MirrorPolicy => ({
  ...{ pattern, fetch: 'on-announcement', everySeconds: null, maxBytes: null },
});
const SLOW = policyFor('globex.example/**');
const QUICK = policyFor('initech.example/**');
const lacking = ({ pattern }: MirrorPolicy): MissingBlob => ({
  repository: parseRepositoryName(pattern.replace('**', 'app')),
  digest: DIGEST,
});

let fetched: string[];
let slow: PromiseWithResolvers<undefined>;
let prefetch: Prefetch;

beforeEach(() => {
  fetched = [];
  slow = Promise.withResolvers();
  const all = [SLOW, QUICK];
  prefetch = new Prefetch({
    policies: {
      list: () => Promise.resolve(all),
      find: (repository) => Promise.resolve(repository.startsWith('globex') ? SLOW : QUICK),
      takeDue: () => Promise.resolve([]),
    },
    registry: {
      mirrors: {
        listLacking: (pattern) => {
          const policy = all.find((one) => one.pattern === pattern);
          return Promise.resolve(policy === undefined ? NEVER : { ...NEVER, items: [lacking(policy)] });
        },
        findNeeded: () => Promise.resolve({ size: 1 }),
        countBytes: () => Promise.resolve(0n),
      },
    },
    fetchBlob: async ({ repository }) => {
      fetched.push(repository);
      if (repository.startsWith('globex')) await slow.promise;
      return undefined;
    },
    clock: () => new Date(0),
    log: { info: vi.fn(), warn: vi.fn(), error: vi.fn() },
  });
});
afterEach(async () => {
  slow.resolve(undefined);
  await prefetch.close();
});

const countOf = (organisation: string): number =>
  fetched.filter((repository) => repository.startsWith(organisation)).length;

test('a peer that sends slowly holds up the images of his own policy alone', async () => {
  prefetch.announce();
  await expect.poll(() => countOf('initech')).toBe(1);
  expect(countOf('globex')).toBe(1);
  prefetch.announce();
  await expect.poll(() => countOf('initech')).toBe(2);
  expect(countOf('globex')).toBe(1);
});

test('what was announced during a sweep is looked for once more behind it', async () => {
  prefetch.announce();
  await expect.poll(() => countOf('globex')).toBe(1);
  for (const times of [2, 3]) {
    prefetch.announce();
    await expect.poll(() => countOf('initech')).toBe(times);
  }
  slow.resolve(undefined);
  await expect.poll(() => countOf('globex')).toBe(2);
});

test('what could not be fetched is left to the next sweep', async () => {
  slow.reject(new FederationError('PEER_UNREACHABLE', 'It is away.'));
  for (const times of [1, 2]) {
    prefetch.announce();
    await expect.poll(() => countOf('globex')).toBe(times);
  }
});
