import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { TileStore } from '@dockchains/blobs';
import type { Database } from '@dockchains/database';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { beginLedger } from './begin.ts';
import { signedKey, type Batch, type LedgerContext } from './context.ts';
import { findPublishedHead, findSignedHead, publishHead, signBatch } from './heads.ts';
import { type LedgerFixture, makeFixture } from './testing/fixture.ts';

let fixture: LedgerFixture;
let database: Database;
let context: LedgerContext;

beforeEach(async () => {
  fixture = await makeFixture();
  database = await fixture.openDatabase();
  context = await fixture.contextOf(database);
});

afterEach(() => fixture.end());

const batch = (start: bigint, end: bigint): Batch => ({
  start,
  end,
  root: createHash('sha256').update(String(end)).digest(),
});

/** The context of a gateway that halts right before the swap of the signed head until `go`. */
const halting = (): { halted: LedgerContext; reached: Promise<undefined>; go: () => void } => {
  const reached = Promise.withResolvers<undefined>();
  const go = Promise.withResolvers<undefined>();
  const halted: LedgerContext = {
    ...context,
    database: {
      ...database,
      query: async (statement, parameters) => {
        if (statement.name === 'ledger-swap-signed') {
          reached.resolve(undefined);
          await go.promise;
        }
        return database.query(statement, parameters);
      },
    },
  };
  return {
    halted,
    reached: reached.promise,
    go: () => {
      go.resolve(undefined);
    },
  };
};

test('L3: a second gateway that believes it sequences cannot sign: its signature is thrown away', async () => {
  const { halted, reached, go } = halting();
  const late = signBatch(halted, batch(0n, 3n));
  await reached;
  const signed = await signBatch(context, batch(0n, 2n));
  go();
  await expect(late).rejects.toMatchObject({ code: 'OVERTAKEN' });
  expect(await findSignedHead(database, context.ledgerId)).toEqual(signed);
  expect((await context.tiles.get(signedKey('public')))?.toString()).toBe(signed.note);
});

test('L9: a gateway halted before it keeps its note does not leave it over a later one', async () => {
  const reached = Promise.withResolvers<undefined>();
  const go = Promise.withResolvers<undefined>();
  const replace = async (key: string, bytes: Uint8Array): Promise<void> => {
    reached.resolve(undefined);
    await go.promise;
    await context.tiles.replace(key, bytes);
  };
  const late = signBatch({ ...context, tiles: { ...context.tiles, replace } }, batch(0n, 2n));
  await reached.promise;
  const signed = await signBatch(context, batch(2n, 5n));
  go.resolve(undefined);
  await late;
  expect((await context.tiles.get(signedKey('public')))?.toString()).toBe(signed.note);
});

test('L5: a batch that does not follow the signed head is not signed', async () => {
  await signBatch(context, batch(0n, 2n));
  await expect(signBatch(context, batch(1n, 5n))).rejects.toMatchObject({ code: 'CONTRADICTION' });
  await expect(signBatch(context, batch(3n, 5n))).rejects.toMatchObject({ code: 'CONTRADICTION' });
  expect((await findSignedHead(database, context.ledgerId))?.size).toBe(2n);
});

test('a batch that is signed already gives the note that was kept', async () => {
  const first = await signBatch(context, batch(0n, 2n));
  expect(await signBatch(context, batch(0n, 2n))).toEqual(first);
});

test('a signed head is never contradicted at its own size', async () => {
  const first = await signBatch(context, batch(0n, 2n));
  const other = { ...batch(0n, 2n), root: new Uint8Array(32) };
  await expect(signBatch(context, other)).rejects.toMatchObject({ code: 'CONTRADICTION' });
  expect(await findSignedHead(database, context.ledgerId)).toEqual(first);
});

test('a published head only grows', async () => {
  const two = await signBatch(context, batch(0n, 2n));
  const five = await signBatch(context, batch(2n, 5n));
  await publishHead(context, five);
  await publishHead(context, two);
  expect((await findPublishedHead(database, context.ledgerId))?.size).toBe(5n);
});

test('L9: a gateway that begins the log while another signs does not take the note back', async () => {
  const signed = await signBatch(context, batch(0n, 2n));
  const looked: TileStore['get'] = () => Promise.resolve(undefined); // it looked before the other had begun
  await rm(join(fixture.folder, 'keys'), { recursive: true });
  await beginLedger({ ...context, tiles: { ...context.tiles, get: looked } }, 'public');
  expect((await context.tiles.get(signedKey('public')))?.toString()).toBe(signed.note);
});
