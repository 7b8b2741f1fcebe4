import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { ClientError } from '@dockchains/client';
import { parseDigest, parseRepositoryName } from '@dockchains/oci';
import { createNoteSigner, encodeVerifierKey, parseOrigin } from '@dockchains/tlog';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { openBlobAt } from './mirroring/fetch-manifest.ts';
import { openHolders } from './mirroring/holders.ts';
import type { Peer } from './peers/peers.ts';
import { findOwnHeads } from './recovery/own-heads.ts';
import { postCosigned } from './replication/cosigned.ts';
import { peerOf } from './testing/replicas.ts';
import { askOverHttp, fetchNotesOver } from './witness/ask-witness.ts';

const ORIGIN = parseOrigin('acme.example/ledger/public');
const { verifierKey } = createNoteSigner({
  name: ORIGIN,
  privateKey: generateKeyPairSync('ed25519').privateKey,
});
const BLOB = parseDigest(`sha256:${'0'.repeat(64)}`);

let peer: Server;
let inside: Server;
/** What was asked of a server that only this machine should ask. */
let asked: string[];
let headers: (inside: string) => { readonly status: number; readonly headers: Record<string, string> };

const listen = async (server: Server): Promise<Server> => {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
};
const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const globex = (): Peer => peerOf('globex.example', urlOf(peer), encodeVerifierKey(verifierKey));

beforeEach(async () => {
  asked = [];
  inside = await listen(
    createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end('{"token":"secret"}');
    }),
  );
  headers = (url) => ({ status: 307, headers: { location: `${url}/secret` } });
  peer = await listen(
    createServer((_request, response) => {
      const answer = headers(urlOf(inside));
      response.writeHead(answer.status, answer.headers).end();
    }),
  );
});

afterEach(() => {
  for (const server of [peer, inside]) {
    server.closeAllConnections();
    server.close();
  }
});

describe('a peer that sends us to where only this machine may ask', () => {
  test('is not followed there', async () => {
    const address = { url: urlOf(peer) };
    await expect(askOverHttp()(address, 'body')).rejects.toThrow(ClientError);
    await expect(fetchNotesOver()(`${address.url}/log/public/checkpoint`)).rejects.toThrow(ClientError);
    await expect(postCosigned(address, { origin: ORIGIN, size: 1n, lines: [] })).rejects.toThrow(ClientError);
    const heads = await findOwnHeads([globex()], { origin: ORIGIN, verifierKey });
    expect(heads.problems).not.toEqual([]);
    expect(asked).toEqual([]);
  });

  test('gets nobody a blob from there', async () => {
    const [holder] = await openHolders({ list: () => Promise.resolve([globex()]) }).list(
      'globex.example',
      parseRepositoryName('public/app'),
    );
    if (holder === undefined) throw new Error('The peer is a holder.');
    await expect(openBlobAt(holder, { digest: BLOB, start: 0, via: 'acme.example' })).rejects.toThrow(
      ClientError,
    );
    expect(asked).toEqual([]);
  });

  test('is not asked for a token there', async () => {
    headers = (url) => ({
      status: 401,
      headers: { 'www-authenticate': `Bearer realm="${url.replace('http:', 'https:')}/token",service="x"` },
    });
    const [holder] = await openHolders(
      { list: () => Promise.resolve([globex()]) },
      {
        // As if the other spoke TLS.
        fetch: (input, init) => {
          const url = new URL(input instanceof Request ? input.url : input);
          return fetch(url.href.replace('https:', 'http:'), init);
        },
      },
    ).list('globex.example', parseRepositoryName('public/app'));
    if (holder === undefined) throw new Error('The peer is a holder.');
    await expect(openBlobAt(holder, { digest: BLOB, start: 0, via: 'acme.example' })).rejects.toMatchObject({
      code: 'DENIED',
    });
    expect(asked).toEqual([]);
  });
});
