import { randomBytes } from 'node:crypto';

import { encodePackage, PACKAGE_TYPE, parsePackage, sealEnvelope } from '@dockchains/messaging';
import { runGateway } from '@dockchains/testing';
import { encodeBundle } from '@dockchains/tlog';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { createWorkplace } from '../../apps/cli/test-io.ts';
import { openSigner, type StoredMessage } from './insider.ts';
import { alterHeader, flipPayload, replayAll, reverseAll } from './message-faults.ts';
import { type Letter, StreamWorld, WAIT } from './stream-world.ts';

const ORIGIN = 'acme.example/ledger/public';

let world: StreamWorld;

beforeAll(async () => {
  world = await StreamWorld.open();
});
afterAll(() => world[Symbol.asyncDispose]());

/** The newest package of the stream. */
async function newestPackage(): Promise<StoredMessage> {
  const newest = (await world.readPackages()).at(-1);
  if (newest === undefined) throw new Error('there is no package');
  return newest;
}

describe('true messages', () => {
  test('F1: replayed outside of the duplicate window change nothing', async () => {
    const [count, size, before] = [
      (await world.insider.read()).length,
      await world.readSize(),
      await world.settle(),
    ];
    await replayAll(world.insider);
    expect(await world.settle()).toBe(before + count);
    expect(await world.readSize()).toBe(size);
    await world.agree();
    expect(await world.listLetters()).toEqual([]);
  });

  test('F2: reordered and doubled change nothing', async () => {
    await world.globex.gateway.kill9();
    await world.push('reordered-1', 'reordered-2', 'reordered-3');
    await reverseAll(world.insider);
    await world.globex.gateway.restart();
    await world.settle();
    await world.agree();
    expect(await world.listLetters()).toEqual([]);
  });

  test('F3: a stream that is purged or deleted, a consumer that is deleted: what was missed is fetched, and messages come again', async () => {
    await world.globex.gateway.kill9();
    await world.push('purged');
    await world.insider.ask('STREAM.PURGE.<STREAM>');
    await world.globex.gateway.restart();
    await world.agree();
    for (const what of ['CONSUMER.DELETE.<STREAM>.globex_example', 'STREAM.DELETE.<STREAM>']) {
      expect(await world.insider.ask(what)).toMatchObject({ success: true });
      await world.push(`after-${what.toLowerCase().slice(0, 8)}`);
      await world.agree();
      await expect.poll(async () => (await world.readConsumer()).error, WAIT).toBeUndefined();
      await world.push(`again-${what.toLowerCase().slice(0, 8)}`);
      expect(await world.settle()).toBeGreaterThan(0);
      await world.agree();
    }
    expect(await world.listLetters()).toEqual([]);
  });

  test('F4: a message that takes the id of the next package keeps it from the stream, and not from the peer', async () => {
    const [old, size] = [await newestPackage(), await world.readSize()];
    for (const records of [1n, 2n]) await world.insider.publish(old, `${ORIGIN}@${size}-${size + records}`);
    await world.push('taken');
    await world.agree();
    const starts = (await world.readPackages()).map(({ envelope }) => parsePackage(envelope.payload).start);
    expect(starts).not.toContain(size);
    expect(await world.listLetters()).toEqual([]);
  });

  test('F11: a message key that was replaced is believed for what it signed, and the new one from then on', async () => {
    await world.acme.gateway.stop();
    await runGateway(world.acme.gateway, 'rotate-key', 'message');
    await world.acme.gateway.restart();
    await world.push('rotated');
    await replayAll(world.insider); // what both keys signed
    await world.settle();
    await world.agree();
    expect(await world.listLetters()).toEqual([]);
    const former = world.insider.signer.key;
    await world.reopenInsider();
    expect(world.insider.signer.key.equals(former)).toBe(false);
  });
});

describe('messages that are not to be believed', () => {
  let letters: readonly Letter[];
  let size: bigint;
  const entries = [Buffer.from('{}'), Buffer.from('{}')];

  beforeAll(async () => {
    const [good, note] = [await newestPackage(), await world.readCheckpoint()];
    size = await world.readSize();
    const strangers = await openSigner(world.globex.gateway);
    const seal = (subject: string, payload: Uint8Array, signer = world.insider.signer): StoredMessage => ({
      subject,
      envelope: sealEnvelope(signer, PACKAGE_TYPE, payload),
    });
    const pack = (start: bigint, end: bigint, more: object = {}) =>
      encodePackage({ origin: ORIGIN, note, start, end, bundle: encodeBundle(entries), ...more });
    const beyond = pack(size, size + 2n);
    await world.insider.publish(seal('dockchains.v1.acme_example.ledger.f5', beyond));
    const grown = note.replace(`\n${size}\n`, `\n${size + 2n}\n`);
    await world.insider.publish(
      seal('dockchains.v1.acme_example.ledger.f5', pack(size, size + 2n, { note: grown })),
    );

    const others = { origin: 'globex.example/ledger/public' };
    await world.insider.publish(seal('dockchains.v1.acme_example.ledger.f6', pack(0n, 2n, others)));
    await world.insider.publish(seal('dockchains.v1.acme_example.ledger.f6', pack(0n, 2n), strangers));
    const forger = { organisation: 'acme.example', key: strangers.key };
    await world.insider.publish(seal('dockchains.v1.acme_example.ledger.f6', pack(0n, 2n), forger));

    const f7 = 'dockchains.v1.acme_example.ledger.f7';
    await world.insider.publish({ ...flipPayload(good), subject: f7 });
    await world.insider.publish({ ...alterHeader(good, 'Dockchains-Signature', 60), subject: f7 });
    await world.insider.publish({ ...alterHeader(good, 'Dockchains-Type', 30), subject: f7 });

    const { config } = (await world.insider.ask('STREAM.INFO.<STREAM>')) as { config: object };
    await world.insider.ask('STREAM.UPDATE.<STREAM>', { ...config, max_msg_size: 1_048_576 });
    const large = sealEnvelope(world.insider.signer, PACKAGE_TYPE, pack(0n, 2n));
    await world.insider.publish({
      subject: 'dockchains.v1.acme_example.ledger.f8',
      envelope: { ...large, payload: randomBytes(900 * 1024) },
    });
    letters = await vi.waitFor(async () => {
      const all = await world.listLetters();
      expect(all).toHaveLength(9);
      return all;
    }, WAIT);
    await world.settle();
  });

  const reasonsOf = (row: string): readonly string[] =>
    letters.filter(({ subject }) => subject.endsWith(row)).map(({ reason }) => reason);

  test('F5: a package of indices at or above its checkpoint’s size, or above what was signed, is given up on', () => {
    expect(reasonsOf('.f5')).toEqual([
      expect.stringContaining(`The package ends at ${size + 2n}, its note at ${size}`),
      expect.stringMatching(/signature/i),
    ]);
  });

  test('F6: entries of another log, or under another organisation’s name, are given up on', () => {
    expect(reasonsOf('.f6')).toHaveLength(3);
    for (const reason of reasonsOf('.f6')) expect(reason).toMatch(/not of the log|not signed by a key/);
  });

  test('F7: a poison message is tried five times, shown, and replayed or dropped by an operator', async () => {
    expect(reasonsOf('.f7')).toHaveLength(3);
    const place = await createWorkplace();
    place.io.fetch = globalThis.fetch;
    try {
      const { host, operator } = world.globex.gateway;
      place.io.stdin = `${operator.password}\n`;
      const login = ['login', host, '--username', operator.username, '--password-stdin'];
      expect(await place.run(...login)).toMatchObject({ exitCode: 0 });
      const run = (...words: readonly string[]) => place.run('messages', ...words, '-r', host);
      expect((await run('list')).stdout).toContain('not signed by a key that is known of acme.example');
      const id = letters[0]?.id ?? '';
      expect((await run('show', id)).stdout).toContain(`"origin":"${ORIGIN}"`);
      expect(await run('replay', id)).toMatchObject({ exitCode: 1 });
      expect(await run('drop', id, '--json')).toMatchObject({ exitCode: 0 });
      expect(await run('drop', id)).toMatchObject({ exitCode: 1 });
      expect(await run('drop', '--all')).toMatchObject({ exitCode: 0 });
      expect((await run('list', '--json')).stdout).toBe('{"messages":[]}\n');
    } finally {
      await place.remove();
    }
  });

  test('F8: a message larger than any may be is given up on unread', () => {
    expect(reasonsOf('.f8')).toEqual([expect.stringContaining('at most 524288 are taken')]);
  });

  test('all of it changed nothing, and the next push arrives', async () => {
    await world.push('after-poison');
    await world.agree();
  });
});
