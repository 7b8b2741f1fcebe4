import { buildImage } from '@dockchains/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openSession, pushBlobs, putManifest } from '../registry-http.ts';
import { collectOutside, readSizes } from './leaks/collect.ts';
import { findLeaks, type Seen } from './leaks/search.ts';
import { type PrivateNames, type PrivateUse, usePrivately } from './leaks/use.ts';

const NAMES: PrivateNames = {
  namespace: 'quiet-otter',
  repository: 'vault-k7q2x',
  tags: ['amber-91hz', 'ochre-27vd'],
  account: 'heron-51@marsh',
  robot: 'plover-8',
  content: 'the launch is on the fourteenth of thaw',
};
/** Of the same lengths. */
const OTHERS: PrivateNames = {
  namespace: 'brave-finch',
  repository: 'cellar-m3p9',
  tags: ['cobalt-4wk', 'umber-63qn'],
  account: 'stork-77@creek',
  robot: 'dunlin-3',
  content: 'nobody shall know of the second kettle!',
};

let one: PrivateUse;
let other: PrivateUse;
let seen: readonly Seen[];

beforeAll(async () => {
  [one, other] = [await usePrivately(NAMES), await usePrivately(OTHERS)];
  await Promise.all([one.settle(), other.settle()]);
  seen = await collectOutside(one);
});
afterAll(async () => {
  await one.close();
  await other.close();
});

describe('while private repositories are in use', () => {
  test('their records are kept, and everybody sees how many', async () => {
    const sizes = await readSizes(one.gateway);
    expect(sizes.private).toBeGreaterThan(5);
    expect(await readSizes(other.gateway)).toEqual(sizes);
  });

  test('nothing that is seen outside has a name, a tag, an account, a digest or content of theirs', () => {
    expect(seen.length).toBeGreaterThan(40);
    expect(seen.find(({ where }) => where === 'the log')?.bytes.toString()).toContain(
      '"route":"/v2 manifest"',
    );
    expect(seen.find(({ where }) => where === 'the traces')?.bytes.length).toBeGreaterThan(1000);
    expect(findLeaks(seen, one.secrets)).toEqual([]);
  });

  test('other names of the same lengths give the same shape', async () => {
    const others = await collectOutside(other);
    expect(others.map(({ where }) => where)).toEqual(seen.map(({ where }) => where));
    // The last lines may still be on their way.
    await expect.poll(() => requestsOf(other)).toEqual(requestsOf(one));
    expect(eventsOf(other)).toEqual(eventsOf(one));
    expect(await seriesOf(other)).toEqual(await seriesOf(one));
  });
});

describe('what is planted is found', () => {
  test.each([
    { what: 'a name in a line of the log', leak: () => `{"level":20,"path":"/v2/${NAMES.namespace}/x"}` },
    { what: 'a digest in an entry', leak: () => Buffer.from(`${digestOf(one)}"}`).toString('base64') },
    { what: 'an account’s name in a header', leak: () => `x-who: ${encodeURIComponent(NAMES.account)}` },
    { what: 'content in bytes', leak: () => `\0\0${NAMES.content.slice(0)}\0` },
  ])('$what', ({ leak }) => {
    const planted = { where: 'planted', bytes: Buffer.from(leak()) };
    expect(findLeaks([...seen, planted], one.secrets)).toEqual([expect.stringMatching(/^planted: /)]);
  });

  test('a private tag’s name as a public tag: in the public ledger, its proofs and its answers', async () => {
    const session = await openSession(one.gateway, 'public/app');
    const image = buildImage();
    await pushBlobs(session, image);
    expect((await putManifest(session, NAMES.tags[0], image)).status).toBe(201);
    await one.settle();
    const leaks = findLeaks(await collectOutside(one), one.secrets);
    expect(leaks).toContainEqual(
      expect.stringMatching(/^\/log\/public\/tile\/entries\S+ to nobody: a tag as itself$/),
    );
    expect(leaks).toContainEqual(expect.stringMatching(/^GraphQL public to stranger: a tag as itself$/));
    expect(leaks.filter((leak) => leak.startsWith('the log'))).toEqual([]);
  });
});

function digestOf({ secrets }: PrivateUse): string {
  return secrets.find(({ label }) => label === 'a digest')?.bytes.toString() ?? '';
}

interface Line {
  readonly msg: string;
}

function linesOf({ gateway }: PrivateUse): readonly string[] {
  return gateway
    .logs()
    .split('\n')
    .filter((line) => line.startsWith('{'));
}

const messageOf = (line: string): string => (JSON.parse(line) as Line).msg;

/** The lines of requests, whole but for numbers and ids: as many, as long, and as they are. */
function requestsOf(use: PrivateUse): readonly string[] {
  return linesOf(use)
    .filter((line) => messageOf(line) === 'request')
    .map((line) =>
      line.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID').replaceAll(/\d+(?:\.\d+)?/g, '0'),
    )
    .sort();
}

/** The other events; how many batches there are is a matter of time. */
function eventsOf(use: PrivateUse): readonly string[] {
  return [...new Set(linesOf(use).map(messageOf))].sort();
}

/** The metrics' series, without their values. */
async function seriesOf({ gateway }: PrivateUse): Promise<readonly string[]> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => line.startsWith('dockchains_'))
    .map((line) => line.slice(0, line.lastIndexOf(' ')))
    .sort();
}
