import { createCipheriv, createDecipheriv } from 'node:crypto';

import { RecordError } from '../errors.ts';
import { pad, unpad } from './padding.ts';

/** Bytes that a body has more than its bucket: the tag of AES-256-GCM. */
export const BODY_TAG_BYTES = 16;

// A key is of one record with one content (see deriveKey), so the nonce need not change.
const NONCE = new Uint8Array(12);

type BodyKey = { readonly key: Uint8Array; readonly rec: Uint8Array; readonly c: Uint8Array };

/** The body of a record: AES-256-GCM of the padded record, the tag behind it. @throws RecordError TOO_LARGE */
export function encryptBody({ key, rec, c }: BodyKey, m: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, NONCE).setAAD(Buffer.concat([rec, c]));
  return Buffer.concat([cipher.update(pad(m)), cipher.final(), cipher.getAuthTag()]);
}

/** Opens a body. @throws RecordError BAD_BODY, BAD_PADDING */
export function decryptBody({ key, rec, c }: BodyKey, body: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, NONCE, { authTagLength: BODY_TAG_BYTES })
    .setAAD(Buffer.concat([rec, c]))
    .setAuthTag(body.subarray(-BODY_TAG_BYTES));
  const padded = decipher.update(body.subarray(0, -BODY_TAG_BYTES));
  try {
    decipher.final();
  } catch (cause) {
    throw new RecordError(
      'BAD_BODY',
      'The body of the sealed record does not open with the key of its scope.',
      {
        cause,
      },
    );
  }
  return unpad(padded);
}
