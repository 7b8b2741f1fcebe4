import { parseBundle } from '@dockchains/tlog';
import { z } from 'zod';

import { MAX_PAYLOAD_BYTES } from './envelope.ts';
import { MessagingError } from './errors.ts';

/** Payload types; each payload is one line of JSON and, behind its newline, bytes. */
export const PACKAGE_TYPE = 'application/vnd.dockchains.package';
export const CHECKPOINT_TYPE = 'application/vnd.dockchains.checkpoint';
export const QUESTION_TYPE = 'application/vnd.dockchains.question';

/**
 * Entries [start, end) of a log, all of one bundle of 256, with a signed note whose size is `end` or more. `bundle` has
 * them as C2SP tlog-tiles does; without it the range is announced, to be fetched over HTTP.
 */
export type LedgerPackage = {
  readonly origin: string;
  readonly start: bigint;
  readonly end: bigint;
  readonly note: string;
  readonly bundle: Uint8Array | undefined;
};

/** A published checkpoint, with its cosignatures. */
export type CheckpointMessage = { readonly origin: string; readonly note: string };

/** What a witness answers (C2SP tlog-witness): an HTTP status and its body. */
export type WitnessReply = {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array;
};

const BUNDLE_ENTRIES = 256n;
const MAX_HEADER_BYTES = 64 * 1024;

const origin = z.string().min(1).max(255);
const index = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,18})$/)
  .transform(BigInt);
const note = z.string().min(1).max(32_768);
const packageHeader = z.object({ origin, start: index, end: index, note, entries: z.boolean() });
const checkpointHeader = z.object({ origin, note });
const replyHeader = z.object({ status: z.int().min(200).max(599), contentType: z.string().max(128) });

/** Encodes a package; the entries are left out of one that would be too large for a message. */
export function encodePackage({ bundle, start, end, ...rest }: LedgerPackage): Uint8Array {
  const range = { ...rest, start: `${start}`, end: `${end}` };
  const whole = join({ ...range, entries: bundle !== undefined }, bundle);
  return whole.length <= MAX_PAYLOAD_BYTES ? whole : join({ ...range, entries: false });
}

/** Reads a package; its note and entries are not believed yet. @throws MessagingError BAD_PAYLOAD, TOO_LARGE */
export function parsePackage(bytes: Uint8Array): LedgerPackage {
  const { header, rest } = split(packageHeader, bytes);
  const { entries, ...range } = header;
  const { start, end } = range;
  if (end <= start || start / BUNDLE_ENTRIES !== (end - 1n) / BUNDLE_ENTRIES) {
    throw badPayload(`its range ${start} to ${end} is not one of a bundle`);
  }
  if (!entries && rest.length > 0) throw badPayload('it has bytes that its header does not tell of');
  if (entries) requireEntries(rest, Number(end - start));
  return { ...range, bundle: entries ? rest : undefined };
}

/** Encodes a published checkpoint. */
export function encodeCheckpointMessage(message: CheckpointMessage): Uint8Array {
  return join(message);
}

/** Reads a checkpoint, which is not believed yet. @throws MessagingError BAD_PAYLOAD, TOO_LARGE */
export function parseCheckpointMessage(bytes: Uint8Array): CheckpointMessage {
  return splitWhole(checkpointHeader, bytes);
}

/** Encodes a witness's answer. */
export function encodeWitnessReply({ body, ...header }: WitnessReply): Uint8Array {
  return join(header, body);
}

/** Reads a witness's answer. @throws MessagingError BAD_PAYLOAD, TOO_LARGE */
export function parseWitnessReply(bytes: Uint8Array): WitnessReply {
  const { header, rest } = split(replyHeader, bytes);
  return { ...header, body: rest };
}

const join = (header: object, rest: Uint8Array = new Uint8Array()): Uint8Array =>
  Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), rest]);

function split<Header>(
  schema: z.ZodType<Header>,
  bytes: Uint8Array,
): { readonly header: Header; readonly rest: Uint8Array } {
  if (bytes.length > MAX_PAYLOAD_BYTES) throw new MessagingError('TOO_LARGE', 'The payload is too large.');
  const end = bytes.subarray(0, MAX_HEADER_BYTES).indexOf(0x0a);
  const header = schema.safeParse(parseJson(Buffer.from(bytes.subarray(0, Math.max(0, end))).toString()));
  if (!header.success) throw badPayload('its first line is not the JSON that its type asks for');
  return { header: header.data, rest: bytes.subarray(end + 1) };
}

const splitWhole = <Header>(schema: z.ZodType<Header>, bytes: Uint8Array): Header => {
  const { header, rest } = split(schema, bytes);
  if (rest.length > 0) throw badPayload('it has bytes behind its only line');
  return header;
};

const requireEntries = (bytes: Uint8Array, count: number): void => {
  try {
    parseBundle(bytes, count);
  } catch (cause) {
    throw new MessagingError('BAD_PAYLOAD', `The package does not hold ${count} entries.`, { cause });
  }
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const badPayload = (why: string): MessagingError =>
  new MessagingError('BAD_PAYLOAD', `The message can't be read: ${why}.`);
