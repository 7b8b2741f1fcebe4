import { randomBytes } from 'node:crypto';

import { balanceRequests, type GatewayPair, startGatewayPair, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { readElsewhere } from './freshness.ts';
import { uploadInChunks } from './hopping-upload.ts';
import { rememberAnswers } from './remembering-proxy.ts';

let pair: GatewayPair;

beforeAll(async () => {
  pair = await startGatewayPair();
});

afterAll(() => pair.close());

const repositoryToken = (repository: string): Promise<string> =>
  pair.first.token(pair.first.publisher, `repository:${repository}:pull,push`);

async function pull(gateway: TestGateway, repository: string, digest: string): Promise<Buffer> {
  const answer = await fetch(`${gateway.url}/v2/${repository}/blobs/${digest}`);
  return Buffer.from(await answer.arrayBuffer());
}

test('what is written on one gateway is read on the other at once', async () => {
  const { tries, stale } = await readElsewhere(pair, { tries: 200, workers: 16 });
  expect(stale).toEqual([]);
  expect(tries).toBeGreaterThanOrEqual(200);
});

test('a reader that remembers what tags were is found out', async () => {
  const remembering = await rememberAnswers(pair.second.url);
  try {
    const { stale } = await readElsewhere(
      { first: pair.first, second: { ...pair.second, url: remembering.url } },
      { tries: 40, workers: 1, name: 'stale' },
    );
    expect(stale).not.toEqual([]);
  } finally {
    await remembering.close();
  }
});

test('an upload goes on at the other gateway with every chunk', async () => {
  const repository = 'public/hopping';
  const token = await repositoryToken(repository);
  const uploads = Array.from({ length: 24 }, async () => {
    const bytes = randomBytes(300_000);
    const { digest } = await uploadInChunks(() => pair.byRequest.url, {
      ...{ repository, token, bytes },
      chunkBytes: 40_000,
    });
    expect((await pull(pair.second, repository, digest)).equals(bytes)).toBe(true);
  });
  await Promise.all(uploads);
});

test('an upload loses nothing when answers are lost', async () => {
  const repository = 'public/lossy';
  const token = await repositoryToken(repository);
  const bytes = randomBytes(400_000);
  let requests = 0;
  const lossy = await balanceRequests([pair.first.host, pair.second.host], {
    lose: ({ method }) => method !== 'GET' && method !== 'HEAD' && (requests += 1) % 3 === 0,
  });
  try {
    const upload = { repository, token, bytes, chunkBytes: 40_000 };
    const { digest, repeated } = await uploadInChunks(() => lossy.url, upload);
    expect(repeated).toBeGreaterThanOrEqual(3);
    expect((await pull(pair.first, repository, digest)).equals(bytes)).toBe(true);
  } finally {
    await lossy.close();
  }
});

test('an upload goes on when the gateway that took its last chunk is killed', async () => {
  const repository = 'public/killed';
  const token = await repositoryToken(repository);
  const bytes = randomBytes(400_000);
  let requests = 0;
  try {
    // The second has the beginning and every other chunk; it is killed between two of them.
    const nextUrl = async (): Promise<string> => {
      requests += 1;
      if (requests < 6) return requests % 2 === 0 ? pair.first.url : pair.second.url;
      if (requests === 6) await pair.second.kill9();
      return pair.first.url;
    };
    const { digest, repeated } = await uploadInChunks(nextUrl, {
      repository,
      token,
      bytes,
      chunkBytes: 40_000,
    });
    expect(repeated).toBe(0);
    expect((await pull(pair.first, repository, digest)).equals(bytes)).toBe(true);
  } finally {
    await pair.second.restart();
  }
});

test('uploads that hop lose nothing when a gateway is killed in the middle of chunks', async () => {
  const repository = 'public/struck';
  const token = await repositoryToken(repository);
  let requests = 0;
  let killed: Promise<void> | undefined;
  const nextUrl = (): string => {
    requests += 1;
    if (requests === 60) killed = pair.second.kill9();
    return pair.byRequest.url;
  };
  try {
    const uploads = Array.from({ length: 12 }, async () => {
      const bytes = randomBytes(400_000);
      const { digest } = await uploadInChunks(nextUrl, { repository, token, bytes, chunkBytes: 40_000 });
      expect((await pull(pair.first, repository, digest)).equals(bytes)).toBe(true);
    });
    await Promise.all(uploads);
    expect(killed).toBeDefined();
  } finally {
    await killed;
    await pair.second.restart();
  }
});

test('an upload through a balancer of connections is taken as well', async () => {
  const repository = 'public/connections';
  const token = await repositoryToken(repository);
  const bytes = randomBytes(200_000);
  const upload = { repository, token, bytes, chunkBytes: 50_000 };
  const { digest } = await uploadInChunks(() => pair.byConnection.url, upload);
  expect((await pull(pair.first, repository, digest)).equals(bytes)).toBe(true);
});
