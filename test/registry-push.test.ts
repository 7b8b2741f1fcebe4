import { createPublicKey } from 'node:crypto';

import { getOrganisation } from '@dockchains/client';
import { type LedgerRecord, parseRecord, verifyReceipt } from '@dockchains/records';
import { buildImage, startGateway, type TestGateway } from '@dockchains/testing';
import { hashLeaf, parseBundle, TILE_WIDTH } from '@dockchains/tlog';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { openSession, pushBlobs, putManifest, type Session } from './registry-http.ts';

let gateway: TestGateway;
let session: Session;

beforeAll(async () => {
  gateway = await startGateway();
  session = await openSession(gateway, 'public/app');
});
afterAll(() => gateway.close());

/** Every record of the ledger, once `count` of them are published; their leaf hashes beside them. */
const readLedger = async (count: number) => {
  const size = async (): Promise<number> => {
    const { body } = await session.call('/v2/../log/public/checkpoint');
    return Number(body.toString().split('\n')[1]);
  };
  await expect.poll(size).toBe(count);
  const tile = count === TILE_WIDTH ? '000' : `000.p/${count}`;
  const { body } = await session.call(`/v2/../log/public/tile/entries/${tile}`);
  return [...parseBundle(body, count)].map((entry) => ({
    record: parseRecord(entry),
    leafHash: Buffer.from(hashLeaf(entry)).toString('hex'),
  }));
};

test('L8: a push is on the record, its receipt names the record, and the same push again gives the old one', async () => {
  const image = buildImage();
  await pushBlobs(session, image);
  const first = await putManifest(session, '1.0', image);
  expect(first.status).toBe(201);
  const recordId = first.headers.get('dockchains-record');

  const again = await putManifest(session, '1.0', image);
  expect(again.headers.get('dockchains-record')).toBe(recordId);
  const byDigest = await putManifest(session, image.descriptor.digest, image);
  expect(byDigest.headers.get('dockchains-record')).not.toBe(recordId);

  const [published, moved] = await readLedger(2);
  expect(published?.record).toMatchObject({ kind: 'manifest-published', digest: image.descriptor.digest });
  expect(published?.record.recordId).toBe(byDigest.headers.get('dockchains-record'));
  expect(moved?.record).toMatchObject({ kind: 'tag-set', tag: '1.0', recordId, repository: 'public/app' });

  const { descriptor } = await getOrganisation(fetch, gateway.url);
  const key = createPublicKey({ key: descriptor.keys.receipt, format: 'jwk' });
  for (const { headers } of [first, again]) {
    const receipt = await verifyReceipt(headers.get('dockchains-receipt') ?? '', key);
    expect(receipt).toMatchObject({ recordId, leafHash: moved?.leafHash, repository: 'public/app' });
  }
});

test('moves of one tag stand in the ledger in the order in which they took place', async () => {
  const before = 2;
  const images = Array.from({ length: 12 }, () => buildImage());
  for (const image of images) {
    await pushBlobs(session, image);
    expect((await putManifest(session, image.descriptor.digest, image)).status).toBe(201);
  }
  const answers = await Promise.all(images.map((image) => putManifest(session, 'raced', image)));
  expect(answers.map(({ status }) => status)).toEqual(images.map(() => 201));

  const records = (await readLedger(before + 2 * images.length)).map(({ record }) => record);
  const moves = records.filter(
    (record): record is Extract<LedgerRecord, { kind: 'tag-set' }> =>
      record.kind === 'tag-set' && record.tag === 'raced',
  );
  expect(moves).toHaveLength(images.length);
  let previous: string | undefined;
  for (const move of moves) {
    expect(move.previous).toBe(previous);
    previous = move.digest;
  }
  expect((await session.call('/manifests/raced')).headers.get('docker-content-digest')).toBe(previous);
});

test('the deletion of a manifest takes its tags along, each on the record', async () => {
  const image = buildImage();
  await pushBlobs(session, image);
  for (const tag of ['b', 'a']) expect((await putManifest(session, tag, image)).status).toBe(201);
  const { digest } = image.descriptor;
  expect((await session.call(`/manifests/${digest}`, { method: 'DELETE' })).status).toBe(202);
  for (const reference of ['a', 'b', digest]) {
    expect((await session.call(`/manifests/${reference}`, { method: 'HEAD' })).status).toBe(404);
  }
  const records = (await readLedger(26 + 3 + 3)).slice(-3).map(({ record }) => record);
  expect(records).toMatchObject([
    { kind: 'tag-deleted', tag: 'a', digest },
    { kind: 'tag-deleted', tag: 'b', digest },
    { kind: 'manifest-deleted', digest },
  ]);
});

test('a manifest whose content is missing is refused and leaves no record', async () => {
  const image = buildImage();
  const { status, body } = await putManifest(session, 'missing', image);
  expect(status).toBe(404);
  expect(JSON.parse(body.toString())).toMatchObject({ errors: [{ code: 'MANIFEST_BLOB_UNKNOWN' }] });
  expect((await session.call('/manifests/missing')).status).toBe(404);
});

test('an unchanged manifest is answered 304 to whoever has it', async () => {
  const { headers } = await session.call('/manifests/raced', { method: 'HEAD' });
  const etag = headers.get('etag') ?? '';
  for (const method of ['GET', 'HEAD']) {
    const answer = await session.call('/manifests/raced', { method, headers: { 'if-none-match': etag } });
    expect(answer.status).toBe(304);
    expect(answer.body).toHaveLength(0);
  }
});

test('a repository that no namespace rule covers is refused to those who may push everywhere', async () => {
  const token = await gateway.token(gateway.operator, 'repository:elsewhere/app:pull,push');
  const { status } = await session.call('/v2/elsewhere/app/blobs/uploads/', {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  expect(status).toBe(403);
});
