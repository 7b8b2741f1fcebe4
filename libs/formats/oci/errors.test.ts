import { expect, test } from 'vitest';

import { encodeErrorBody, OciError, type OciErrorCode, STATUS_OF_CODE } from './errors.ts';

test('knows the fourteen codes of the specification', () => {
  expect(Object.keys(STATUS_OF_CODE)).toHaveLength(14);
});

test.each([
  ['UNAUTHORIZED', 401],
  ['DENIED', 403],
  ['NAME_UNKNOWN', 404],
  ['UNSUPPORTED', 405],
  ['SIZE_INVALID', 413],
  ['TOOMANYREQUESTS', 429],
] satisfies [OciErrorCode, number][])('answers %s with %i', (code, status) => {
  expect(new OciError(code, 'x').status).toBe(status);
});

test('lets an error override the status and keeps its cause', () => {
  const cause = new Error('below');
  const error = new OciError('BLOB_UPLOAD_INVALID', 'out of order', { status: 416, cause });
  expect(error).toMatchObject({ status: 416, cause });
});

test('encodes the error body, without a detail that is not there', () => {
  const read = (error: OciError): unknown => JSON.parse(encodeErrorBody(error).toString());
  expect(read(new OciError('DENIED', 'No.'))).toEqual({ errors: [{ code: 'DENIED', message: 'No.' }] });
  expect(read(new OciError('NAME_INVALID', 'No.', { detail: { name: 'Ä' } }))).toEqual({
    errors: [{ code: 'NAME_INVALID', message: 'No.', detail: { name: 'Ä' } }],
  });
});
