import type { TileStore } from '@dockchains/blobs';
import {
  encodeBundle,
  encodeEquivocation,
  parseEquivocation,
  parseVerifierKey,
  verifyEquivocation,
} from '@dockchains/tlog';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import {
  awaitStatus,
  entriesOf,
  makeReplicas,
  type ReplicaFixture,
  type TestPeer,
} from '../testing/replicas.ts';
import type { Answer } from '../testing/web.ts';
import { readMirrorPath } from './mirror-path.ts';
import { hashOrigin } from './replica.ts';

const ORIGIN = 'acme.example/ledger/public';
const LOG = '/log/public';
const HASH = hashOrigin(ORIGIN);

let fixture: ReplicaFixture;
let acme: TestPeer;

beforeEach(async () => {
  fixture = await makeReplicas();
  acme = await fixture.addPeer('acme.example');
});

afterEach(() => fixture.end());

const flipped = (file: Buffer | undefined, at: number): Buffer => {
  const bytes = Buffer.from(file ?? []);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return bytes;
};

type Tamper = (path: string, file: Buffer | undefined) => Answer;

describe('what a gateway serves is believed only as it was signed', () => {
  const cases: { name: string; tamper: Tamper; trouble: RegExp }[] = [
    {
      name: 'L6: a bit flipped in a full bundle',
      tamper: (path, file) => (path === `${LOG}/tile/entries/001` ? flipped(file, 40) : undefined),
      trouble: /entries\/001 of .* is not what was signed/,
    },
    {
      name: 'L6: a bit flipped in the last, partial bundle',
      tamper: (path, file) => (path.includes('/tile/entries/002.p/') ? flipped(file, 40) : undefined),
      trouble: /is not what was signed/,
    },
    {
      name: 'L6: a bit flipped in a tile of the edge',
      tamper: (path, file) => (path.startsWith(`${LOG}/tile/1/`) ? flipped(file, 33) : undefined),
      trouble: /the edge at 700 entries/,
    },
    {
      name: 'L6: a partial tile of the wrong width',
      tamper: (path, file) => (path.startsWith(`${LOG}/tile/0/002.p/`) ? file?.subarray(32) : undefined),
      trouble: /the edge at 700 entries/,
    },
    {
      name: 'L6: an empty tile',
      tamper: (path) => (path.startsWith(`${LOG}/tile/1/`) ? Buffer.alloc(0) : undefined),
      trouble: /the edge at 700 entries/,
    },
    {
      name: 'a truncated bundle',
      tamper: (path, file) => (path === `${LOG}/tile/entries/000` ? file?.subarray(0, 5000) : undefined),
      trouble: /entries\/000 of .* is not what was signed/,
    },
    {
      name: 'F8: a bundle larger than any can be',
      tamper: (path) => (path.includes('entries/000') ? Buffer.alloc(20 * 1024 * 1024) : undefined),
      trouble: /more than \d+ bytes/,
    },
    {
      name: 'F8: a note larger than any can be',
      tamper: (path) => (path === `${LOG}/checkpoint` ? Buffer.alloc(1024 * 1024, 0x61) : undefined),
      trouble: /more than \d+ bytes/,
    },
    {
      name: 'a note with another root',
      tamper: (path, file) =>
        path === `${LOG}/checkpoint` ? flipped(file, (file?.indexOf('\n700\n') ?? 0) + 6) : undefined,
      trouble: /./,
    },
    {
      name: 'F6: the note of another log',
      tamper: (path, file) =>
        path === `${LOG}/checkpoint`
          ? Buffer.from(file?.toString().replaceAll('acme.example', 'evil.example') ?? '')
          : undefined,
      trouble: /./,
    },
    {
      name: 'a redirection to somewhere else',
      tamper: (path) =>
        path === `${LOG}/checkpoint` ? { status: 302, location: `${LOG}/signed` } : undefined,
      trouble: /can't be reached/,
    },
    {
      name: 'a failure in the middle',
      tamper: (path) => (path.includes('entries/001') ? { status: 503 } : undefined),
      trouble: /503/,
    },
  ];

  test.each(cases)(
    '$name: nothing is kept or cosigned, and the truth is taken later',
    async ({ tamper, trouble }) => {
      await acme.serve(3);
      const replication = await fixture.open();
      await awaitStatus(replication, ORIGIN, { mirroredSize: 3n });
      await acme.web.awaitPosted((body) => body.includes('\n3\n'));

      const log = await acme.serve(700);
      acme.web.tamper = tamper;
      await awaitStatus(replication, ORIGIN, {
        trouble: expect.stringMatching(trouble) as unknown,
        mirroredSize: 3n,
      });
      expect((await replication.sources()[0]?.read(0n, 4096))?.length).toBe(3);
      expect(acme.web.posted.filter((body) => body.includes('\n700\n'))).toEqual([]);
      expect(await fixture.evidence.list()).toEqual([]);

      acme.web.tamper = () => undefined;
      await awaitStatus(replication, ORIGIN, { publishedSize: 700n });
      const bundle = await readMirrorPath(replication.mirror(HASH), 'tile/entries/001');
      expect(bundle?.bytes.equals(log.files.get('tile/entries/001') ?? Buffer.alloc(0))).toBe(true);
    },
  );

  test('L2: an older note that is replayed changes nothing and proves nothing', async () => {
    const replication = await fixture.open();
    await acme.serve(700);
    await awaitStatus(replication, ORIGIN, { publishedSize: 700n });
    await acme.serve(400);
    const asked = acme.web.requests.length;
    await expect.poll(() => acme.web.requests.length).toBeGreaterThan(asked + 4);
    await awaitStatus(replication, ORIGIN, { publishedSize: 700n, mirroredSize: 700n, frozen: undefined });
    await acme.serve(701);
    await awaitStatus(replication, ORIGIN, { publishedSize: 701n });
    expect(await fixture.evidence.list()).toEqual([]);
  });

  test.each([
    [700, 700],
    [300, 700],
    [700, 300],
  ])(
    'L1: a log that had %d entries and shows %d of another history is frozen, with proof',
    async (before, after) => {
      const replication = await fixture.open();
      const log = await acme.serve(before);
      await awaitStatus(replication, ORIGIN, { publishedSize: BigInt(before) });
      await acme.serve(after, 'another');
      await awaitStatus(replication, ORIGIN, { frozen: expect.stringContaining('two histories') as unknown });
      const kept = await fixture.evidence.find(ORIGIN);
      const proof = parseEquivocation(kept?.proof ?? '');
      expect(encodeEquivocation(proof)).toBe(kept?.proof);
      const heads = verifyEquivocation(proof, [parseVerifierKey(log.verifierKey)]);
      expect(heads.newer.size).toBe(BigInt(Math.max(before, after)));
      expect((await replication.sources()[0]?.read(0n, 4096))?.length).toBe(before);
    },
  );
});

describe('what is cosigned is durable', () => {
  const failing = (tiles: TileStore, calls: number): TileStore => {
    let left = calls;
    return {
      ...tiles,
      putIfAbsent: (key, bytes) => {
        left -= 1;
        return left < 0 ? Promise.reject(new Error('disk full')) : tiles.putIfAbsent(key, bytes);
      },
    };
  };

  test('F12: a mirror whose disk fails cosigns nothing, and goes on where it was when there is room', async () => {
    await acme.serve(1000);
    const refused: object[] = [];
    const full = await fixture.open({
      tiles: failing(fixture.tiles, 2),
      log: { info: () => undefined, warn: (fields) => refused.push(fields) },
    });
    await expect.poll(() => refused.length).toBeGreaterThan(0);
    await awaitStatus(full, ORIGIN, { mirroredSize: 0n, publishedSize: 0n });
    expect(acme.web.posted).toEqual([]);
    await full.close();

    const replication = await fixture.open();
    await awaitStatus(replication, ORIGIN, { publishedSize: 1000n });
    await acme.web.awaitPosted((body) => body.includes('\n1000\n'));
  });

  test('F10: a replica that was away goes on from where it was, and fetches nothing twice', async () => {
    await acme.serve(1000);
    const first = await fixture.open();
    await awaitStatus(first, ORIGIN, { publishedSize: 1000n });
    await first.close();
    await acme.serve(2000);
    acme.web.requests.length = 0;
    const second = await fixture.open();
    await awaitStatus(second, ORIGIN, { publishedSize: 2000n, held: 2000n });
    expect(acme.web.requests).not.toContain(`${LOG}/tile/entries/002`);
    expect(acme.web.requests).toContain(`${LOG}/tile/entries/003`);
  });
});

describe('while the log’s own gateway is away', () => {
  test('F10: what another peer mirrors is taken, and a mirror that lies is not believed', async () => {
    const log = await acme.serve(700);
    const [globex, evil] = [await fixture.addPeer('globex.example'), await fixture.addPeer('evil.example')];
    const serve = (web: TestPeer['web'], tamper: (file: Buffer | undefined) => Answer): void => {
      web.tamper = (path) =>
        path.startsWith(`/mirror/${HASH}/`)
          ? tamper(log.files.get(path.slice(`/mirror/${HASH}/`.length)))
          : undefined;
    };
    serve(evil.web, (file) => (file === undefined ? undefined : flipped(file, 1)));
    await acme.web.close();
    const replication = await fixture.open();
    await awaitStatus(replication, ORIGIN, {
      trouble: expect.stringContaining('reached') as unknown,
      held: 0n,
    });
    serve(globex.web, (file) => file);
    await awaitStatus(replication, ORIGIN, { publishedSize: 700n, checkedAt: undefined });
  });
});

describe('packages', () => {
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
});
