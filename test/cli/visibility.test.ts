import { buildImage, type BuiltManifest, startGateway, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Workplace } from '../../apps/cli/test-io.ts';
import { openSession, pushBlobs, putManifest } from '../registry-http.ts';
import { openWorkplace } from '../workplace.ts';

const APP = 'acme.example/public/app';

let gateway: TestGateway;
let place: Workplace;

beforeAll(async () => {
  gateway = await startGateway();
  place = await openWorkplace(gateway);
});
afterAll(async () => {
  await place.remove();
  await gateway.close();
});

/** Pushes an image, and gives its record and what the receipt says. */
const push = async (image: BuiltManifest, tag: string) => {
  const session = await openSession(gateway, 'public/app');
  await pushBlobs(session, image);
  const { status, headers } = await putManifest(session, tag, image);
  expect(status).toBe(201);
  const [, payload = ''] = (headers.get('dockchains-receipt') ?? '').split('.');
  return {
    recordId: headers.get('dockchains-record'),
    receipt: JSON.parse(Buffer.from(payload, 'base64url').toString() || '{}') as Record<string, unknown>,
  };
};

const setVisibility = async (visibility: string) => {
  const { exitCode, stdout, stderr } = await place.run('repo', 'visibility', APP, visibility, '--json');
  expect({ exitCode, stderr, stdout: exitCode === 0 ? '' : stdout }).toEqual({
    exitCode: 0,
    stderr: '',
    stdout: '',
  });
  return JSON.parse(stdout) as unknown;
};

const statusForAll = async (): Promise<number> =>
  (await fetch(`${gateway.url}/v2/public/app/manifests/1.0`)).status;

test('a repository becomes private and public again, on record where it belongs', async () => {
  const image = buildImage();
  const [recorded, repeated] = [await push(image, '1.0'), await push(image, '1.0')];
  expect(repeated.recordId).toBe(recorded.recordId);
  expect(recorded.receipt).toMatchObject({
    origin: 'acme.example/ledger/public',
    recordId: recorded.recordId,
  });
  expect(recorded.receipt).not.toHaveProperty('scopeId');
  expect(await statusForAll()).not.toBe(401);

  const change = { repository: 'public/app', manifests: 1, tags: 1 };
  expect(await setVisibility('private')).toEqual({ ...change, visibility: 'private' });
  expect(await statusForAll()).toBe(401);
  const sealed = {
    origin: 'acme.example/ledger/private',
    scopeId: expect.stringMatching(/^[0-9a-f]{32}$/) as unknown,
  };
  const retold = await push(image, '1.0');
  expect(retold.recordId).not.toBe(recorded.recordId);
  expect(retold.receipt).toMatchObject({ ...sealed, recordId: retold.recordId });
  const inside = await push(buildImage(), '2.0');
  expect(inside.receipt).toMatchObject({ ...sealed, scopeId: retold.receipt.scopeId });

  expect(await setVisibility('public')).toEqual({ ...change, visibility: 'public', manifests: 2, tags: 2 });
  expect(await statusForAll()).toBe(200);
  expect((await push(image, '1.0')).receipt).toMatchObject({ origin: 'acme.example/ledger/public' });
  expect(await setVisibility('public')).toMatchObject({ manifests: 0, tags: 0 });

  await setVisibility('private');
  const later = await push(image, '1.0');
  expect(later.receipt).toMatchObject(sealed);
  expect(later.receipt.scopeId).not.toBe(retold.receipt.scopeId);
});

test('a visibility that there is not is a mistake in usage', async () => {
  expect(await place.run('repo', 'visibility', APP, 'secret')).toMatchObject({ exitCode: 2 });
});
