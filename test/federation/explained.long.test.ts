import { addPeer, openSession } from '@dockchains/client';
import { hashOrigin } from '@dockchains/federation';
import { buildImage, makePeers, startGateway, type TestGateway } from '@dockchains/testing';
import {
  type Checkpoint,
  consistencyPath,
  parseCheckpoint,
  parseConsistency,
  parseNote,
  verifyConsistency,
} from '@dockchains/tlog';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { askOperator } from '../faults/pair.ts';
import { pushImage } from '../faults/pusher.ts';
import { type MaliciousOrigin, startMaliciousOrigin } from './malicious-origin.ts';
import { undecidedAt } from './undecided.ts';

const ORIGIN = 'globex.example/ledger/private';
const WITNESSED = `/witness/${hashOrigin(ORIGIN)}/checkpoint`;
const POLL = { timeout: 60_000, interval: 50 };

const cleanup = new AsyncDisposableStack();
let globex: TestGateway;
let initech: TestGateway;
/** A peer of initech that shows heads of globex' private ledger which are behind. */
let stale: MaliciousOrigin;
const notes: string[] = [];

beforeAll(async () => {
  [globex, initech, stale] = await Promise.all([
    startGateway({ organisation: 'globex.example' }),
    startGateway({ organisation: 'initech.example' }),
    startMaliciousOrigin('stale.example'),
  ]);
  cleanup.defer(() => stale.close());
  cleanup.defer(() => globex.close());
  cleanup.defer(() => initech.close());
  await makePeers(globex, initech);
  await askOperator(
    globex,
    'mutation { setNamespaceRule(pattern: "team/**", visibility: PRIVATE) { pattern } }',
  );
  for (const tag of ['one', 'two', 'three']) notes.push(await pushAndAwait(tag));
  const session = openSession({ fetch, url: initech.url, credentials: initech.operator });
  await addPeer(session, { url: stale.views[0].web.url, fingerprint: stale.fingerprint });
});
afterAll(() => cleanup.disposeAsync());

const headOf = (note: string | undefined): Checkpoint => parseCheckpoint(parseNote(note ?? '').text);

/** Pushes to a private repository, and gives the note by which initech cosigned that. */
async function pushAndAwait(tag: string): Promise<string> {
  const before = notes.at(-1);
  const least = before === undefined ? 1n : headOf(before).size + 1n;
  const token = await globex.token(globex.operator, 'repository:team/app:pull,push');
  await pushImage(globex.url, token, 'team/app', tag, buildImage({ layers: [] }));
  const witnessed = async (): Promise<string | undefined> => {
    const response = await fetch(`${initech.url}${WITNESSED}`);
    return response.ok ? response.text() : undefined;
  };
  return vi.waitFor(async () => {
    const note = await witnessed();
    if (note !== undefined && headOf(note).size >= least) return note;
    throw new Error(`initech has not cosigned ${least} entries.`);
  }, POLL);
}

/** Lets the stale peer show a note, and waits until initech has been to it twice since. */
async function show(note: string | undefined): Promise<void> {
  const [{ web }] = stale.views;
  web.files.set(WITNESSED, Buffer.from(note ?? ''));
  const asked = (): number => web.requests.filter((path) => path === WITNESSED).length;
  const before = asked();
  await expect.poll(asked, POLL).toBeGreaterThan(before + 1);
}

describe('L1: an honest organisation of whose private ledger peers hold heads of two sizes', () => {
  test('proves to who has both that one extends the other, and nothing to who has not', async () => {
    const [older, newer] = [headOf(notes[0]), headOf(notes[2])];
    const ask = (path: string) => fetch(`${globex.url}/log/private/${path}`);
    const answer = await ask(consistencyPath(older, newer));
    expect(answer.headers.get('cache-control')).toContain('immutable');
    const body = Buffer.from(await answer.arrayBuffer());
    verifyConsistency({
      ...{ oldSize: older.size, newSize: newer.size, oldRoot: older.root, newRoot: newer.root },
      proof: parseConsistency(body),
    });
    const guessed = { ...older, root: new Uint8Array(32) };
    const far = { ...newer, size: 1_000_000n };
    for (const [path, status] of [
      [consistencyPath(guessed, newer), 404],
      [consistencyPath(older, { ...newer, size: newer.size - 1n }), 404],
      [consistencyPath(newer, older), 404],
      [consistencyPath(older, far), 503],
      ['consistency/1/2', 404],
    ] as const) {
      const refused = await ask(path);
      expect([path, refused.status, refused.headers.get('cache-control')]).toEqual([
        path,
        status,
        'no-store',
      ]);
      expect(await refused.text()).not.toContain('team');
    }
  });

  test('is not accused while it is there, nor while it is away and back again', async () => {
    await show(notes[0]);
    expect(await undecidedAt(initech)).toEqual([]);

    await globex.stop();
    await show(notes[1]);
    await expect
      .poll(() => undecidedAt(initech), POLL)
      .toEqual([
        {
          ...{ origin: ORIGIN, shownBy: 'stale.example', answer: 'it can’t be reached' },
          ...{ heldSize: `${headOf(notes[2]).size}`, shownSize: `${headOf(notes[1]).size}` },
          ...{ isUnexplained: false, isWithheld: false },
        },
      ]);
    await globex.restart();
    await expect.poll(() => undecidedAt(initech), POLL).toEqual([]);
    notes.push(await pushAndAwait('four'));
    expect(initech.logs()).not.toContain('does not explain');
  });
});
