import type { TileStore } from '@dockchains/blobs';
import { encodeBundle, parseEquivocation, parseVerifierKey, verifyEquivocation } from '@dockchains/tlog';
import { afterEach, beforeEach, expect, test } from 'vitest';

import {
  awaitStatus,
  entriesOf,
  makeReplicas,
  type ReplicaFixture,
  type TestPeer,
} from '../testing/replicas.ts';

const ORIGIN = 'acme.example/ledger/public';

let fixture: ReplicaFixture;
let acme: TestPeer;

beforeEach(async () => {
  fixture = await makeReplicas();
  acme = await fixture.addPeer('acme.example');
});

afterEach(() => fixture.end());

const entries = entriesOf('acme.example', 600);
const packageOf = (start: number, end: number, note: string) => ({
  ...{ origin: ORIGIN, start: BigInt(start), end: BigInt(end), note },
  bundle: encodeBundle(entries.slice(start, end)),
});
const noteOf = async (size: number): Promise<string> =>
  (await acme.serve(size)).files.get('checkpoint')?.toString() ?? '';

const openQuiet = async () => {
  await acme.serve(10);
  const replication = await fixture.open({ pollMs: 3_600_000 });
  await awaitStatus(replication, ORIGIN, { publishedSize: 10n });
  acme.web.requests.length = 0;
  return replication;
};

test('packages that follow are taken without a request, across bundles, and published by their note', async () => {
  const replication = await openQuiet();
  const note = await noteOf(600);
  const ranges = [
    [10, 256],
    [256, 512],
    [512, 600],
  ] as const;
  await Promise.all(
    ranges.map(([start, end]) => replication.applyPackage('acme.example', packageOf(start, end, note))),
  );
  await awaitStatus(replication, ORIGIN, { mirroredSize: 600n, publishedSize: 10n });
  await replication.applyCheckpoint('acme.example', { origin: ORIGIN, note });
  await awaitStatus(replication, ORIGIN, { publishedSize: 600n });
  await acme.web.awaitPosted((body) => body.includes('\n600\n'));
  expect(acme.web.requests.filter((path) => path.startsWith('/log/'))).toEqual([]);
});

test.each([
  { name: 'F1: a package replayed', start: 0, end: 10, size: 10, held: 10n },
  { name: 'F2: a package with a gap before it', start: 15, end: 20, size: 20, held: 20n },
  { name: 'F4: a package cut elsewhere', start: 5, end: 20, size: 20, held: 20n },
  { name: 'F5: a package beyond its note', start: 10, end: 30, size: 20, held: 10n },
  {
    name: 'F6: a package from somebody else',
    from: 'evil.example',
    start: 10,
    end: 20,
    size: 20,
    held: 10n,
  },
  { name: 'F6: a package signed by another log', start: 10, end: 20, size: 0, held: 10n },
])(
  '$name does no harm, and the next good one is taken',
  async ({ from = 'acme.example', start, end, size, held }) => {
    const replication = await openQuiet();
    const stranger = await fixture.addPeer('acme.example');
    const forged = (await stranger.serve(20)).files.get('checkpoint')?.toString() ?? '';
    fixture.peers.pop();
    const note = size === 0 ? forged : await noteOf(size);
    const applied = replication.applyPackage(from, packageOf(start, end, note));
    if (size === 0) await expect(applied).rejects.toMatchObject({ name: 'TlogError' });
    else await applied;
    await awaitStatus(replication, ORIGIN, { held, mirroredSize: held });
    await replication.applyPackage('acme.example', packageOf(10, 25, await noteOf(25)));
    await awaitStatus(replication, ORIGIN, { held: 25n, mirroredSize: 25n });
  },
);

test('F3: packages that were lost are fetched instead', async () => {
  await acme.serve(10);
  const replication = await fixture.open();
  await awaitStatus(replication, ORIGIN, { publishedSize: 10n });
  const note = await noteOf(600);
  await replication.applyPackage('acme.example', packageOf(512, 600, note));
  await awaitStatus(replication, ORIGIN, { publishedSize: 600n });
});

test('F6: packages whose entries are not what was signed are refused', async () => {
  const replication = await openQuiet();
  const note = await noteOf(20);
  const bundle = encodeBundle(entriesOf('acme.example', 20, 'another').slice(10));
  const refused = replication.applyPackage('acme.example', { ...packageOf(10, 20, note), bundle });
  await expect(refused).rejects.toMatchObject({ code: 'SOURCE_REFUTED' });
  await awaitStatus(replication, ORIGIN, { held: 10n });
  await replication.applyPackage('acme.example', packageOf(10, 20, note));
  await awaitStatus(replication, ORIGIN, { held: 20n });
});

test('F12: a package is done with once what it says is durable, and not before', async () => {
  await acme.serve(10);
  let room = Promise.withResolvers<undefined>();
  room.resolve(undefined);
  const tiles: TileStore = {
    ...fixture.tiles,
    putIfAbsent: async (key, bytes) => {
      await room.promise;
      return fixture.tiles.putIfAbsent(key, bytes);
    },
  };
  const replication = await fixture.open({ tiles, pollMs: 3_600_000 });
  await awaitStatus(replication, ORIGIN, { publishedSize: 10n });
  room = Promise.withResolvers<undefined>();
  const done: string[] = [];
  const note = await noteOf(300);
  const applying = [
    [10, 256],
    [256, 300],
  ].map(async ([start = 0, end = 0]) => {
    await replication.applyPackage('acme.example', packageOf(start, end, note));
    done.push(`${start}`);
  });
  await awaitStatus(replication, ORIGIN, { held: 10n });
  expect(done).toEqual([]);
  room.resolve(undefined);
  await Promise.all(applying);
  await awaitStatus(replication, ORIGIN, { held: 300n, mirroredSize: 300n });
});

test('L1: a head that was shown by message alone freezes its log once what is held refutes it', async () => {
  const replication = await openQuiet();
  const other = await acme.serve(20, 'another');
  const note = other.files.get('checkpoint')?.toString() ?? '';
  await acme.serve(10);
  const shown = replication.applyCheckpoint('acme.example', { origin: ORIGIN, note });
  const honest = await noteOf(30);
  await replication.applyPackage('acme.example', packageOf(10, 30, honest));
  await shown;
  await awaitStatus(replication, ORIGIN, { frozen: expect.stringContaining('two histories') as unknown });
  const kept = await fixture.evidence.find(ORIGIN);
  expect(
    verifyEquivocation(parseEquivocation(kept?.proof ?? ''), [parseVerifierKey(other.verifierKey)]),
  ).toBeTruthy();
});
