import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { type BuiltLog, buildLog } from '@dockchains/testing';
import { encodeVerifierKey, keyId, parseVerifierKey } from '@dockchains/tlog';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { createWorkplace, type Workplace } from './test-io.ts';
import { pinLogs, readTrust } from './trust.ts';

const FINGERPRINT = 'AB'.repeat(20);

let place: Workplace;
let acme: BuiltLog;

beforeEach(async () => {
  place = await createWorkplace();
  acme = await buildLog();
});
afterEach(async () => {
  await place.remove();
});

function organisation(log: BuiltLog, name = 'acme.example') {
  const url = 'http://127.0.0.1:5000/log/public';
  const logs = [{ origin: log.origin, url, verifierKey: log.verifierKey }];
  return { name, logs, fingerprint: FINGERPRINT, descriptor: { formerKeys: [] } };
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(place.folder, path)), { recursive: true });
  await writeFile(join(place.folder, path), text);
}

test('pins keys on first contact, and knows them the next time', async () => {
  const io = place.quiet();
  expect(await pinLogs(io, organisation(acme))).toMatchObject({ added: [acme.verifierKey] });
  expect(await pinLogs(io, organisation(acme))).toMatchObject({ added: [] });
  const { policy, path } = await readTrust(io, undefined);
  expect(policy).toMatchObject({ quorum: 'none', logs: [{ key: { name: acme.origin } }] });
  expect(path).toBe(join(place.folder, '.config/dockchains/policy'));
});

test('adds a second organisation, and leaves what is there as it is', async () => {
  const globex = await buildLog({ organisation: 'globex.example' });
  const io = place.quiet();
  await put('.config/dockchains/policy', `# mine\nlog ${acme.verifierKey}\nquorum none\n# end\n`);
  await pinLogs(io, organisation(globex, 'globex.example'));
  const { policy, path } = await readTrust(io, undefined);
  expect(policy.logs.map(({ key }) => key.name)).toEqual([acme.origin, globex.origin]);
  expect(await readFile(path, 'utf8')).toMatch(/^# mine\n[^]*# end\n$/);
});

test('refuses a key that changed, and keeps the pinned one', async () => {
  const io = place.quiet();
  await pinLogs(io, organisation(acme));
  const other = await buildLog();
  await expect(pinLogs(io, organisation(other))).rejects.toMatchObject({ code: 'KEY_CHANGED' });
  expect((await readTrust(io, undefined)).policy.logs).toHaveLength(1);
});

const following = (log: BuiltLog, former: BuiltLog, state: 'replaced' | 'revoked') => ({
  ...organisation(log),
  descriptor: { formerKeys: [{ role: 'log-public' as const, key: former.verifierKey, state }] },
});

test('takes a key that the pinned certificate says replaces the pinned one, and no other; the former verifies what it signed', async () => {
  const io = place.quiet();
  await put('.config/dockchains/policy', `log ${acme.verifierKey} http://a.example\nquorum none\n# end\n`);
  const other = await buildLog();
  for (const [described, fingerprint] of [
    [following(other, acme, 'replaced'), undefined], // the certificate was never pinned
    [following(other, acme, 'replaced'), 'CD'.repeat(20)],
    [organisation(other), FINGERPRINT],
  ] as const) {
    await expect(pinLogs(io, described, fingerprint)).rejects.toMatchObject({ code: 'KEY_CHANGED' });
  }
  expect(await pinLogs(io, following(other, acme, 'replaced'), FINGERPRINT)).toMatchObject({
    added: [other.verifierKey],
    removed: [],
  });
  const { policy, path } = await readTrust(io, undefined);
  expect(policy.logs.map(({ key }) => key.name)).toEqual([acme.origin, other.origin]);
  expect(await readFile(path, 'utf8')).toMatch(/^log .* http:\/\/a\.example\nlog .*\nquorum none\n# end\n$/);
});

test('a key that the pinned certificate calls revoked is removed, and an old descriptor does not bring it back', async () => {
  const io = place.quiet();
  const other = await buildLog();
  await pinLogs(io, organisation(acme));
  expect(await pinLogs(io, following(other, acme, 'revoked'), FINGERPRINT)).toMatchObject({
    added: [other.verifierKey],
    removed: [acme.verifierKey],
  });
  expect((await readTrust(io, undefined)).policy.logs).toHaveLength(1);
  await expect(pinLogs(io, organisation(acme), FINGERPRINT)).rejects.toMatchObject({ code: 'KEY_CHANGED' });
});

test('former keys come with the first contact, and later from the pinned certificate alone', async () => {
  const io = place.quiet();
  const [former, forged] = [await buildLog(), await buildLog()];
  expect(await pinLogs(io, following(acme, former, 'replaced'))).toMatchObject({
    added: [acme.verifierKey, former.verifierKey],
  });
  expect(await pinLogs(io, following(acme, forged, 'replaced'))).toMatchObject({ added: [] });
  expect(await pinLogs(io, following(acme, former, 'revoked'))).toMatchObject({ removed: [] });
  expect((await readTrust(io, undefined)).policy.logs).toHaveLength(2);
});

/** The ledger that goes on with the key of a closed one. */
const successorOf = (log: BuiltLog): BuiltLog => {
  const { type, publicKey } = parseVerifierKey(log.verifierKey);
  const name = `${log.origin}/2`;
  const verifierKey = encodeVerifierKey({ name, type, publicKey, keyId: keyId(name, type, publicKey) });
  return { ...log, origin: name, verifierKey };
};

test('a ledger that goes on with the key of a closed one takes the place of that one', async () => {
  const successor = successorOf(acme);
  const described = following(successor, acme, 'replaced');
  expect(await pinLogs(place.quiet(), described)).toMatchObject({ added: [successor.verifierKey] });

  const io = place.quiet();
  await put('.config/dockchains/policy', `log ${acme.verifierKey}\nquorum none\n`);
  expect(await pinLogs(io, described, FINGERPRINT)).toMatchObject({
    added: [successor.verifierKey],
    removed: [acme.verifierKey],
  });
  expect((await readTrust(io, undefined)).policy.logs.map(({ key }) => key.name)).toEqual([successor.origin]);
});

test.each([
  { name: "a ledger of somebody else's name", change: { origin: 'globex.example/ledger/public' } },
  { name: 'a key of another name', change: { verifierKey: 'x+00000000+AA==' } },
  { name: 'a URL with a line break in it', change: { url: 'http://a.example/\nquorum none' } },
])('does not pin $name', async ({ change }) => {
  const { logs, ...others } = organisation(acme);
  const changed = logs.map((log) => ({ ...log, ...change }));
  await expect(pinLogs(place.quiet(), { ...others, logs: changed })).rejects.toMatchObject({
    code: 'BAD_CONFIGURATION',
  });
});

test('takes the file that is named, else the own one, else that of the clone above', async () => {
  const io = { ...place.quiet(), cwd: join(place.folder, 'deep/below') };
  const policyOf = (log: BuiltLog) => `log ${log.verifierKey}\nquorum none\n`;
  await put('.dockchains/trust.policy', policyOf(acme));
  expect((await readTrust(io, undefined)).path).toBe(join(place.folder, '.dockchains/trust.policy'));
  await put('.config/dockchains/policy', policyOf(acme));
  expect((await readTrust(io, undefined)).path).toBe(join(place.folder, '.config/dockchains/policy'));
  await put('named', policyOf(acme));
  const named = join(place.folder, 'named');
  expect((await readTrust(io, named)).path).toBe(named);
});

test('respects XDG_CONFIG_HOME', async () => {
  place.io.env.XDG_CONFIG_HOME = join(place.folder, 'xdg');
  await pinLogs(place.quiet(), organisation(acme));
  expect((await readTrust(place.quiet(), undefined)).path).toBe(join(place.folder, 'xdg/dockchains/policy'));
});

test('says how to get a policy where there is none, and refuses one that is malformed', async () => {
  await expect(readTrust(place.quiet(), undefined)).rejects.toMatchObject({ code: 'NO_POLICY' });
  await expect(readTrust(place.quiet(), join(place.folder, 'gone'))).rejects.toMatchObject({ code: 'USAGE' });
  await put('bad', 'log nonsense\n');
  await expect(readTrust(place.quiet(), join(place.folder, 'bad'))).rejects.toMatchObject({
    code: 'BAD_CONFIGURATION',
  });
});
