import { expect, test } from 'vitest';

import { findLeaks, secretText } from './search.ts';

const NAME = 'quiet-otter/vault.k7q2x';
const secret = secretText('a name', NAME);
const found = (bytes: Buffer | string): readonly string[] =>
  findLeaks([{ where: 'here', bytes: Buffer.from(bytes) }], [secret]);

test.each([
  { form: 'itself', text: `{"repository":"${NAME}"}` },
  { form: 'hexadecimal', text: Buffer.from(`x${NAME}y`).toString('hex') },
  { form: 'base64', text: Buffer.from(`${NAME}, and more`).toString('base64') },
  { form: 'base64 behind one byte', text: Buffer.from(`"${NAME}"`).toString('base64') },
  { form: 'base64 behind two bytes', text: Buffer.from(`{"${NAME}"}`).toString('base64') },
  { form: 'base64url', text: Buffer.from(`~~${NAME}??`).toString('base64url') },
  { form: 'a part of a URL', text: `scope=repository:${encodeURIComponent(NAME)}:pull` },
  { form: 'UTF-16', text: Buffer.from(`[${NAME}]`, 'utf16le') },
])('finds a name as $form', ({ text }) => {
  expect(found(text)).not.toEqual([]);
});

test.each(['', NAME.slice(1), NAME.toUpperCase(), Buffer.from(NAME.slice(0, -1)).toString('base64')])(
  'finds nothing in %j',
  (text) => {
    expect(found(text)).toEqual([]);
  },
);
