import { createHash } from 'node:crypto';

import type { TestGateway } from '@dockchains/testing';
import { openCheckpoint, parseVerifierKey } from '@dockchains/tlog';
import { expect, vi } from 'vitest';

import { fetchBytes } from './observer.ts';
import { type AcknowledgedPush, pushImage } from './pusher.ts';
import { readKeys, readWholeLog } from './verify.ts';

const AGREE = { timeout: 60_000, interval: 50 };

/** Pushes images of one layer under tags of `public/app`. */
export async function pushTags(
  gateway: TestGateway,
  ...tags: readonly string[]
): Promise<AcknowledgedPush[]> {
  const token = await gateway.token(gateway.publisher, 'repository:public/app:pull,push');
  const pushed: AcknowledgedPush[] = [];
  for (const tag of tags) pushed.push(await pushImage(gateway.url, token, 'public/app', tag));
  return pushed;
}

/**
 * Waits until the holder has all that is published of the origin's public log, entry for entry and under its key, serves the tags
 * that were pushed, and holds nothing against it.
 */
export async function awaitAgreement(
  origin: TestGateway,
  holder: TestGateway,
  pushed: readonly AcknowledgedPush[] = [],
): Promise<void> {
  for (const { tag, image } of pushed) {
    const url = `${holder.url}/v2/${origin.organisation}/public/app/manifests/${tag}`;
    await vi.waitFor(async () => {
      expect((await fetch(url)).headers.get('docker-content-digest'), tag).toBe(image.descriptor.digest);
    }, AGREE);
  }
  const { verifierKey } = await readKeys(origin.url);
  const hash = createHash('sha256').update(`${origin.organisation}/ledger/public`).digest('hex');
  const mirror = `${holder.url}/mirror/${hash}`;
  const log = await readWholeLog(`${origin.url}/log/public`, verifierKey);
  const held = async (): Promise<bigint> => {
    const note = await fetchBytes(`${mirror}/checkpoint`).catch(() => undefined);
    return note === undefined
      ? -1n
      : openCheckpoint(note.toString(), parseVerifierKey(verifierKey)).checkpoint.size;
  };
  await vi.waitFor(async () => {
    expect(await held()).toBe(log.size);
  }, AGREE);
  expect((await readWholeLog(mirror, verifierKey)).leafHashes).toEqual(log.leafHashes);
  expect((await fetch(`${holder.url}/federation/equivocations/${hash}`)).status).toBe(404);
}

/** Sends an operation to a gateway's GraphQL as its operator. */
export async function askOperator<Data>(gateway: TestGateway, query: string): Promise<Data> {
  const token = await gateway.token(gateway.operator, 'repository:**:admin');
  const answer = await fetch(`${gateway.url}/graphql`, {
    ...{ method: 'POST', body: JSON.stringify({ query }) },
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
  });
  const { data, errors } = (await answer.json()) as {
    data: Data;
    errors?: readonly { extensions: { code: string } }[];
  };
  if (errors !== undefined) throw new Error(errors.map(({ extensions }) => extensions.code).join());
  return data;
}
