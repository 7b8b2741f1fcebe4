import { readFile, rename } from 'node:fs/promises';

import { BlobStoreError } from '@dockchains/blobs';
import { pino } from 'pino';
import { expect, test } from 'vitest';

import { describeError } from './log-errors.ts';

const DIGEST = 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae';
const NAME = 'quiet-otter/vault';

/** What a line of the log has of an error. */
const logged = (err: unknown): string => {
  const lines: string[] = [];
  const log = pino({ serializers: { err: describeError } }, { write: (line) => void lines.push(line) });
  log.error({ err }, 'request failed');
  return lines.join('');
};

const failing = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test.each<[string, () => unknown]>([
  ['a file that is not there', () => failing(readFile(`/nowhere/blobs/${DIGEST.slice(7)}`))],
  ['a rename', () => failing(rename('/nowhere/tmp/a', `/nowhere/blobs/${DIGEST.slice(7)}`))],
  [
    'a store, with its cause',
    async () => {
      const cause = await failing(readFile(`/nowhere/${DIGEST.slice(7)}`));
      return new BlobStoreError('IO', `Blob ${DIGEST} became shorter while it was read.`, { cause });
    },
  ],
  [
    'PostgreSQL, of a row',
    () =>
      Object.assign(new Error('duplicate key value violates unique constraint "repository_name_key"'), {
        ...{ code: '23505', detail: `Key (name)=(${NAME}) already exists.`, where: NAME },
      }),
  ],
  [
    'PostgreSQL, of a value',
    () => Object.assign(new Error(`invalid input syntax for type integer: "${NAME}"`), { code: '22P02' }),
  ],
  [
    'Prisma',
    () =>
      Object.assign(new Error(`Invalid invocation:\n{ where: { username: "${NAME}" } }\n\nUnique failed`), {
        ...{ name: 'PrismaClientKnownRequestError', code: 'P2002', meta: { target: NAME } },
      }),
  ],
])('a line about %s names nothing that it is about', async (_, fail) => {
  const line = logged(await fail());
  expect(line).not.toContain(DIGEST.slice(7, 40));
  expect(line).not.toContain(NAME);
  expect(line).toContain('"stack":"');
});

test('it says what failed, where, and why', () => {
  const cause = Object.assign(new Error('EACCES: permission denied, open'), { code: 'EACCES' });
  const line = logged(new BlobStoreError('IO', 'The file system failed to open a blob.', { cause }));
  expect(JSON.parse(line)).toMatchObject({
    err: {
      ...{ type: 'BlobStoreError', code: 'IO', message: 'The file system failed to open a blob.' },
      stack: expect.stringContaining('log-errors.test.ts') as string,
      cause: { type: 'Error', code: 'EACCES', message: 'EACCES: permission denied, open' },
    },
  });
});

test('what is thrown and is no error says no more than its type', () => {
  expect(logged(NAME)).toContain('"err":"string"');
});

test('causes that go round in a circle end', () => {
  const error = new Error('round');
  error.cause = error;
  expect(logged(error).match(/"message"/g)).toHaveLength(5);
});
