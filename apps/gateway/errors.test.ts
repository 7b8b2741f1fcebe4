import { AccessError } from '@dockchains/access';
import { BlobStoreError } from '@dockchains/blobs';
import { DatabaseError } from '@dockchains/database';
import { LedgerError } from '@dockchains/ledger';
import { OciError } from '@dockchains/oci';
import { expect, test } from 'vitest';

import { encodeHttpError, toHttpError } from './errors.ts';

const access = {
  challenge: (scopes?: readonly unknown[], error?: string) => `Bearer ${scopes?.length ?? 0} ${error}`,
};
const SECRET = 'password=hunter2';

const answerTo = (error: unknown) => toHttpError(error, { access, requestId: 'r-1' });

test.each([
  { error: new OciError('MANIFEST_UNKNOWN', 'm'), status: 404, code: 'MANIFEST_UNKNOWN' },
  {
    error: new OciError('BLOB_UPLOAD_INVALID', 'm', { status: 416 }),
    status: 416,
    code: 'BLOB_UPLOAD_INVALID',
  },
  { error: new AccessError('UNAUTHORIZED', 'm'), status: 401, code: 'UNAUTHORIZED' },
  { error: new AccessError('DENIED', 'm'), status: 403, code: 'DENIED' },
  { error: new AccessError('NAME_UNKNOWN', 'm'), status: 404, code: 'NAME_UNKNOWN' },
  { error: new AccessError('TOO_MANY', 'm'), status: 429, code: 'TOOMANYREQUESTS' },
  { error: new LedgerError('FROZEN', 'm'), status: 503, code: 'UNAVAILABLE' },
  { error: new LedgerError('BUSY', 'm'), status: 503, code: 'UNAVAILABLE' },
  { error: new BlobStoreError('NO_SPACE', SECRET), status: 507, code: 'UNAVAILABLE' },
  { error: Object.assign(new Error(SECRET), { code: '53100' }), status: 507, code: 'UNAVAILABLE' },
  { error: new BlobStoreError('IO', SECRET), status: 500, code: 'UNKNOWN' },
  { error: new DatabaseError('UNAVAILABLE', SECRET), status: 503, code: 'UNAVAILABLE' },
  { error: Object.assign(new Error(SECRET), { code: 'ECONNREFUSED' }), status: 503, code: 'UNAVAILABLE' },
  { error: Object.assign(new Error('bad header'), { statusCode: 415 }), status: 415, code: 'UNSUPPORTED' },
  { error: new Error(SECRET), status: 500, code: 'UNKNOWN' },
  { error: SECRET, status: 500, code: 'UNKNOWN' },
])('answers $error.code as $status $code and gives nothing away', ({ error, status, code }) => {
  const answer = answerTo(error);
  expect(answer).toMatchObject({ status, code });
  expect(encodeHttpError(answer).toString()).not.toContain('hunter2');
});

test.each(['FROZEN', 'BUSY'] as const)('says when to try again while the ledger is %s', (code) => {
  expect(answerTo(new LedgerError(code, 'm')).headers['retry-after']).toMatch(/^\d+$/);
});

test.each([
  { code: 'UNAUTHORIZED', challenge: 'Bearer 1 undefined' },
  { code: 'INVALID_TOKEN', challenge: 'Bearer 1 invalid_token' },
  { code: 'INSUFFICIENT_SCOPE', challenge: 'Bearer 1 insufficient_scope' },
] as const)('challenges for the scope that $code lacks', ({ code, challenge }) => {
  const error = new AccessError(code, 'm', {
    scopes: [{ type: 'repository', name: 'a', actions: ['pull'] }],
  });
  expect(answerTo(error).headers['www-authenticate']).toBe(challenge);
});

test('only what is ours to mend is a fault', () => {
  expect(answerTo(new OciError('DENIED', 'm')).isFault).toBe(false);
  expect(answerTo(new LedgerError('FROZEN', 'm')).isFault).toBe(false);
  expect(answerTo(new Error('m')).isFault).toBe(true);
  expect(answerTo(new BlobStoreError('NO_SPACE', 'm')).isFault).toBe(true);
});
