// A program: an organisation with a large public ledger, as far as a new peer sees it. Prints where it answers and its
// certificate's fingerprint once it does. Arguments: its name, the number of entries, and a folder for them.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';

import {
  createCertificateKey,
  type Descriptor,
  openCertificateKey,
  signDescriptor,
} from '@dockchains/identity';
import {
  createCosigner,
  createNoteSigner,
  encodeVerifierKey,
  type NoteSigner,
  parseOrigin,
} from '@dockchains/tlog';

import { EMPTY_CONFIG } from './content.ts';
import { buildLargeLog, type LargeLog } from './large-log.ts';

const [organisation = 'large.example', size = '1000000', folder = '.'] = process.argv.slice(2);

const freshKey = () => generateKeyPairSync('ed25519').privateKey;
const signer = createNoteSigner({
  name: parseOrigin(`${organisation}/ledger/public`),
  privateKey: freshKey(),
});
const log = await buildLargeLog(organisation, { size: Number(size), path: join(folder, 'entries'), signer });
const served: { descriptor: string } = { descriptor: '' };
const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
if (address === null || typeof address === 'string') throw new Error('No port is free.');
const host = `127.0.0.1:${address.port}`;
const certificate = await openCertificateKey(await createCertificateKey(organisation, new Date()));
served.descriptor = await signDescriptor(describe(signer, host), [certificate]);
process.stdout.write(`${JSON.stringify({ url: `http://${host}`, fingerprint: certificate.fingerprint })}\n`);

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  const path = request.url ?? '';
  const bytes = request.method === 'POST' ? take(path) : await find(log, path);
  if (bytes === undefined) response.writeHead(404).end();
  else response.writeHead(200, { 'content-type': typeOf(path) }).end(bytes);
}

async function find(from: LargeLog, path: string): Promise<Uint8Array | undefined> {
  if (path === '/.well-known/dockchains/organisation.json') return Buffer.from(served.descriptor);
  if (path.startsWith('/log/public/')) return from.find(path.slice('/log/public/'.length));
  if (path.endsWith(`/blobs/${EMPTY_CONFIG.descriptor.digest}`)) return EMPTY_CONFIG.bytes;
  const [, digest] = /^\/v2\/.+\/manifests\/(sha256:[0-9a-f]{64})$/.exec(path) ?? [];
  return digest === undefined ? undefined : from.findManifest(digest);
}

/** Our mirror's cosignatures are welcome; of witnessing this organisation does nothing. */
const take = (path: string): Uint8Array | undefined =>
  path === '/federation/cosigned' ? new Uint8Array() : undefined;

function typeOf(path: string): string {
  return path.includes('/manifests/')
    ? 'application/vnd.oci.image.manifest.v1+json'
    : 'application/octet-stream';
}

/** Of its keys but the log's nothing is ever seen. */
function describe(logSigner: NoteSigner, registry: string): Descriptor {
  const url = `http://${registry}`;
  const cosigner = (role: string): string =>
    encodeVerifierKey(
      createCosigner({ name: `${organisation}/${role}`, privateKey: freshKey() }).verifierKey,
    );
  const privateLog = createNoteSigner({
    name: parseOrigin(`${organisation}/ledger/private`),
    privateKey: freshKey(),
  });
  return {
    ...{ organisation, number: 1, previous: null, created: new Date().toISOString() },
    ...{ certificate: certificate.certificate, formerKeys: [] },
    keys: {
      logs: {
        public: encodeVerifierKey(logSigner.verifierKey),
        private: encodeVerifierKey(privateLog.verifierKey),
      },
      ...{ witness: cosigner('witness'), mirror: cosigner('mirror') },
      message: randomBytes(32).toString('base64'),
      nats: `U${'A'.repeat(55)}`,
      receipt: { kty: 'OKP', crv: 'Ed25519', x: randomBytes(32).toString('base64url') },
      sealing: randomBytes(32).toString('hex'),
    },
    endpoints: {
      ...{ registry, log: `${url}/log`, witness: `${url}/witness`, mirror: `${url}/mirror` },
      ...{ graphql: `${url}/graphql`, nats: null },
    },
  };
}
