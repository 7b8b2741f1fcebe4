import type { TileStore } from '@dockchains/blobs';
import {
  encodeEquivocation,
  parseEquivocation,
  parseVerifierKey,
  verifyEquivocation,
} from '@dockchains/tlog';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { awaitStatus, makeReplicas, type ReplicaFixture, type TestPeer } from '../testing/replicas.ts';
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
