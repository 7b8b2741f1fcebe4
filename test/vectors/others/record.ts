// Makes the vectors of this folder anew, with others' implementations alone: `node test/vectors/others/record.ts`. README.md says what they are.
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { findFreePort, serveFiles } from '@dockchains/testing';

import { buildGoPrograms } from '../../interop/go-clients.ts';
import { noteKeyOf } from '../../interop/note-keys.ts';
import { readFolder } from '../../interop/oci-layout.ts';
import { startOtherWitness } from '../../interop/other-witness.ts';
import { runProgram } from '../../interop/programs.ts';
import { createTesseraLog, type TesseraLog } from '../../interop/tessera-log.ts';

/** A request of add-checkpoint and its answer, as they went over the wire. */
interface Exchange {
  readonly request: string;
  readonly status: number;
  readonly contentType: string;
  readonly answer: string;
}

const FOLDER = import.meta.dirname;
const LOG = noteKeyOf('log.example/tessera');
const WITNESS = noteKeyOf('witness.example/w1');
const PROVED_INDEX = '257';

const entries = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `entry ${from + index}`);

await using cleanup = new AsyncDisposableStack();
const folder = await mkdtemp(join(tmpdir(), 'dockchains-record-'));
cleanup.defer(() => rm(folder, { recursive: true }));
const programs = await buildGoPrograms(folder, 'posix-oneshot', 'omniwitness', 'proof');
if (programs === undefined) throw new Error('Without Go and its module proxy there is nothing to record.');
const port = await findFreePort();
const witness = await startOtherWitness({
  ...{ program: programs.omniwitness, folder, port, key: WITNESS, logs: [LOG.verifierKey] },
});
cleanup.defer(() => witness.kill9());

const exchanges: Exchange[] = [];
const pass = async (request: string): Promise<Exchange> => {
  const answered = await fetch(`http://${witness.host}/add-checkpoint`, { method: 'POST', body: request });
  const contentType = answered.headers.get('content-type') ?? '';
  const exchange = { request, status: answered.status, contentType, answer: await answered.text() };
  exchanges.push(exchange);
  return exchange;
};
const server = createServer((incoming, response) => {
  void text(incoming)
    .then(pass)
    .then(({ status, contentType, answer }) => {
      response.writeHead(status, { 'content-type': contentType }).end(answer);
    });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
cleanup.defer(() => {
  server.close();
});
const policy = `witness other ${WITNESS.cosignerKey} http://127.0.0.1:${(server.address() as AddressInfo).port}\nquorum other\n`;

const noteOf = (log: TesseraLog): Promise<string> => readFile(join(log.folder, 'checkpoint'), 'utf8');
const log = await createTesseraLog(programs['posix-oneshot'], join(folder, 'tessera'), LOG);
await log.add(entries(0, 3), { policy });
await log.add(entries(3, 10), { policy });
await log.add(entries(10, 20));
const unwitnessed = await noteOf(log);
await log.add(entries(20, 300), { policy });
const published = await noteOf(log);

// What it refuses: of another tree, by the same key, and what is old.
const forked = await createTesseraLog(programs['posix-oneshot'], join(folder, 'forked'), LOG);
await forked.add(entries(1000, 1300));
const sameSize = await noteOf(forked);
await forked.add(entries(1300, 1310));
const larger = await noteOf(forked);
const hash = Buffer.alloc(32, 7).toString('base64');
for (const request of [
  `old 300\n\n${sameSize}`,
  `old 300\n${hash}\n\n${larger}`,
  `old 300\n\n${unwitnessed}`,
  `old 0\n\n${larger}`,
  `old 0\n\n${published}`,
]) {
  await pass(request);
}

const files = await serveFiles(await readFolder(log.folder));
cleanup.defer(() => files.close());
const proof = await runProgram(programs.proof, [
  ...['prove', '-log', LOG.verifierKey, '-index', PROVED_INDEX, files.url],
]);

await rm(join(FOLDER, 'log'), { recursive: true, force: true });
await mkdir(join(FOLDER, 'log'));
await writeFile(join(FOLDER, 'log/checkpoint'), published);
for (const path of [
  'tile/0/000',
  'tile/0/001.p/44',
  'tile/1/000.p/1',
  'tile/entries/000',
  'tile/entries/001.p/44',
]) {
  await cp(join(log.folder, path), join(FOLDER, 'log', path));
}
await writeFile(join(FOLDER, `entry-${PROVED_INDEX}.tlog-proof`), proof);
await writeFile(join(FOLDER, 'exchanges.json'), `${JSON.stringify(exchanges, undefined, 2)}\n`);
await writeFile(join(FOLDER, 'trust.policy'), `log ${LOG.verifierKey}\n${policy.replace(/ http:.*/, '')}`);
