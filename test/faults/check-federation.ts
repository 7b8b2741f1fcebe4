import { createHash } from 'node:crypto';

import { auditLog, getOrganisation, openHttpLog } from '@dockchains/client';
import type { LinkedOrganisation } from '@dockchains/testing';
import { parseVerifierKey, type Policy } from '@dockchains/tlog';
import { expect } from 'vitest';

import { expectNobodyAccused } from './check-accusations.ts';
import { expectEqualCatalogs } from './check-catalogs.ts';
import { fetchBytes, verifyHistory } from './observer.ts';
import { awaitPublished, inTurns, readKeys, readWholeLog, verifyPushes, type WholeLog } from './verify.ts';
import { mirrorPath, type Watched } from './watched-federation.ts';

const AGREE = { timeout: 120_000, interval: 100 };

/** What a federation has to show at the end. */
export interface FederationState {
  readonly entries: bigint;
  readonly tags: number;
  /** Checkpoints seen, by whomever served. */
  readonly checkpoints: number;
}

/** What an organisation's log says that its tags name: `<repository>:<tag>` → digest. */
export type PublishedTags = ReadonlyMap<string, string>;

/**
 * Waits until the organisations agree, nobody being pushed to any more, and checks that they do: everything acknowledged is published, each holds every
 * log entry for entry, every audit passes, all catalogs are equal, everything published is pulled whole from everywhere, no checkpoint
 * that was ever seen is contradicted, nobody is accused of two histories, and whoever was turned away was told why and when to come again.
 */
export async function checkFederation(watched: readonly Watched[]): Promise<FederationState> {
  for (const { organisation } of watched) await awaitPublished(organisation.gateway.databaseUrl);
  const policy = await readPolicy(watched);
  const published = new Map<string, PublishedTags>();
  let [entries, checkpoints] = [0n, 0];
  for (const one of watched) {
    const log = await expectEqualLogs(one, watched, policy);
    published.set(one.organisation.name, tagsOf(log));
    entries += log.size;
    checkpoints += await expectNoContradiction(one);
  }
  await expectEqualCatalogs(watched, published);
  await expectNobodyAccused(watched);
  for (const { organisation, pusher } of watched) {
    expect(pusher.unclear).toEqual([]);
    const { url, databaseUrl } = organisation.gateway;
    await verifyPushes(url, databaseUrl, pusher.acknowledged);
  }
  for (const holder of watched) {
    expect(holder.puller.wrong).toEqual([]);
    for (const [name, tags] of published) {
      if (name !== holder.organisation.name) await expectPullable(holder.organisation, name, tags);
    }
  }
  const tags = [...published.values()].reduce((sum, { size }) => sum + size, 0);
  return { entries, tags, checkpoints };
}

/** Both peers' replicas and the origin's own log are one and the same, and audits of all pass. */
async function expectEqualLogs(
  { organisation: origin }: Watched,
  watched: readonly Watched[],
  policy: Policy,
): Promise<WholeLog> {
  const { verifierKey } = await readKeys(origin.gateway.url);
  const own = `${origin.gateway.url}/log/public`;
  const log = await readWholeLog(own, verifierKey);
  for (const { organisation: holder } of watched) {
    const isOrigin = holder === origin;
    const url = isOrigin ? own : `${holder.gateway.url}${mirrorPath(origin.name)}`;
    await expect.poll(() => headOf(url), AGREE).toBe(await headOf(own));
    if (!isOrigin) expect((await readWholeLog(url, verifierKey)).leafHashes).toEqual(log.leafHashes);
    const { status } = await auditLog({ reader: openHttpLog(fetch, url), policy });
    expect(`${origin.name} at ${holder.name}: ${status}`).toBe(`${origin.name} at ${holder.name}: good`);
  }
  return log;
}

/** Origin, size and root of the checkpoint that is served. */
async function headOf(logUrl: string): Promise<string> {
  const note = (await fetchBytes(`${logUrl}/checkpoint`).catch(() => undefined))?.toString();
  return note?.split('\n').slice(0, 3).join('\n') ?? 'not served';
}

/** No checkpoint that was seen of an organisation's log contradicts the one that it serves now. */
export async function expectNoContradiction({ organisation, observers }: Watched): Promise<number> {
  const { url } = organisation.gateway;
  const { verifierKey } = await readKeys(url);
  const final = (await fetchBytes(`${url}/log/public/checkpoint`)).toString();
  let seen = 0;
  for (const { notes } of observers) {
    seen += (await verifyHistory([...notes, final], `${url}/log/public`, verifierKey)) - 1;
  }
  return seen;
}

/** What the log says last of each tag. */
function tagsOf(log: WholeLog): PublishedTags {
  const tags = new Map<string, string>();
  for (const record of log.records.values()) {
    if (record.kind === 'tag-set') tags.set(`${record.repository}:${record.tag}`, record.digest);
    if (record.kind === 'tag-deleted') tags.delete(`${record.repository}:${record.tag}`);
  }
  return tags;
}

/** Each tag of an organisation names what its log says, and is pulled whole, from another. */
export async function expectPullable(
  holder: LinkedOrganisation,
  origin: string,
  tags: PublishedTags,
): Promise<void> {
  await inTurns([...tags], async ([name, digest]) => {
    const [repository = '', tag = ''] = name.split(':');
    const root = `${holder.gateway.url}/v2/${origin}/${repository}`;
    const digestOfTag = async (): Promise<string | null> => {
      const tagged = await fetch(`${root}/manifests/${tag}`, { method: 'HEAD' });
      return tagged.headers.get('docker-content-digest');
    };
    // A mirror that could not be brought further waits before it tries again.
    await expect
      .poll(digestOfTag, { ...AGREE, message: `${name} of ${origin} at ${holder.name}` })
      .toBe(digest);
    const manifest = await fetchBytes(`${root}/manifests/${digest}`);
    expect(digestOf(manifest)).toBe(digest);
    const { config, layers } = JSON.parse(manifest.toString()) as {
      config: { digest: string };
      layers: readonly { digest: string }[];
    };
    for (const blob of [config, ...layers]) {
      expect(digestOf(await fetchBytes(`${root}/blobs/${blob.digest}`))).toBe(blob.digest);
    }
  });
}

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** All logs; a witness and a mirror must have cosigned. */
async function readPolicy(watched: readonly Watched[]): Promise<Policy> {
  const found = await Promise.all(
    watched.map(
      async ({ organisation }) => (await getOrganisation(fetch, organisation.gateway.url)).descriptor,
    ),
  );
  const keyOf = (text: string): { name: string; key: Policy['logs'][number]['key'] } => {
    const key = parseVerifierKey(text);
    return { name: key.name, key };
  };
  const witnesses = found.map(({ keys }) => keyOf(keys.witness));
  const mirrors = found.map(({ keys }) => keyOf(keys.mirror));
  return {
    logs: found.map(({ keys }) => keyOf(keys.logs.public)),
    witnesses: [...witnesses, ...mirrors],
    groups: [
      { name: 'witnesses', threshold: 1, members: witnesses.map(({ name }) => name) },
      { name: 'mirrors', threshold: 1, members: mirrors.map(({ name }) => name) },
      { name: 'both', threshold: 2, members: ['witnesses', 'mirrors'] },
    ],
    quorum: 'both',
  };
}
