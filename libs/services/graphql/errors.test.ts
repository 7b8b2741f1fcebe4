import { CatalogError } from '@dockchains/catalog';
import { FederationError } from '@dockchains/federation';
import { LedgerError } from '@dockchains/ledger';
import { OciError } from '@dockchains/oci';
import { expect, test, vi } from 'vitest';

import { toGraphqlError } from './errors.ts';

test.each([
  { error: new LedgerError('KEY_MISSING', 'The key is not here.'), code: 'UNAVAILABLE' },
  { error: new LedgerError('FROZEN', 'The ledger is frozen.'), code: 'UNAVAILABLE' },
  { error: new LedgerError('NOT_HELD', 'No peer has it.'), code: 'UNAVAILABLE' },
  { error: new FederationError('NOT_MIRRORED', 'It is not kept.'), code: 'NOT_FOUND' },
  { error: new OciError('DENIED', 'It may not be.'), code: 'FORBIDDEN' },
  { error: new CatalogError('BAD_QUERY', 'It has no words.'), code: 'BAD_USER_INPUT' },
])('$error.code is $code, with its sentence', ({ error, code }) => {
  const log = { error: vi.fn() };
  const found = toGraphqlError(error, { requestId: 'one', log });
  expect(found.message).toBe(error.message);
  expect(found.extensions).toEqual({ code });
  expect(log.error).not.toHaveBeenCalled();
});

test.each([new LedgerError('CONTRADICTION', 'Two stores disagree.'), new Error('a secret')])(
  'what nobody foresaw is told to the log alone: $message',
  (error) => {
    const log = { error: vi.fn() };
    const found = toGraphqlError(error, { requestId: 'one', log });
    expect(found.message).not.toContain(error.message);
    expect(found.extensions).toEqual({ code: 'INTERNAL', requestId: 'one' });
    expect(log.error).toHaveBeenCalledWith({ err: error, requestId: 'one' }, 'graphql field failed');
  },
);
