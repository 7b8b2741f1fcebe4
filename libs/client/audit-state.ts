import {
  encodeFrontier,
  type Frontier,
  type Origin,
  parseFrontier,
  parseOrigin,
  TlogError,
} from '@dockchains/tlog';
import { z } from 'zod';

import { ClientError } from './errors.ts';

/** Where an audit stands: everything below `size` was checked, so that it can go on from there. */
export type AuditState = {
  readonly origin: Origin;
  /** Entries checked, a multiple of 256. */
  readonly size: bigint;
  /** Of the tree of `size` entries. */
  readonly frontier: Frontier;
  /** By level from 1: the hashes, in a row, of the tile that is not full yet. */
  readonly tails: readonly Uint8Array[];
  /** The checkpoint that was audited: whatever comes later must extend it. */
  readonly checkpoint: { readonly size: bigint; readonly root: Uint8Array };
};

const decimal = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,18})$/)
  .transform(BigInt);
const bytes = z.base64().transform((text) => new Uint8Array(Buffer.from(text, 'base64')));

const schema = z.strictObject({
  version: z.literal(1),
  origin: z.string(),
  size: decimal,
  frontier: bytes,
  tails: z.array(bytes.refine(({ length }) => length % 32 === 0 && length < 8192)).max(8),
  checkpoint: z.strictObject({ size: decimal, root: bytes.refine(({ length }) => length === 32) }),
});

/** Encodes a state as JSON, at most about 100 KiB. */
export function encodeAuditState({ origin, size, frontier, tails, checkpoint }: AuditState): string {
  return `${JSON.stringify({
    version: 1,
    origin,
    size: size.toString(),
    frontier: toBase64(encodeFrontier(frontier)),
    tails: tails.map(toBase64),
    checkpoint: { size: checkpoint.size.toString(), root: toBase64(checkpoint.root) },
  })}\n`;
}

/**
 * Reads a state back. It is trusted like the policy: whoever can write it can hide what was before it.
 * @throws ClientError REJECTED
 */
export function parseAuditState(text: string): AuditState {
  try {
    const { origin, size, frontier, tails, checkpoint } = schema.parse(JSON.parse(text));
    if (size % 256n !== 0n) throw new ClientError('REJECTED', 'The audit stopped within a bundle.');
    return { origin: parseOrigin(origin), size, frontier: parseFrontier(frontier, size), tails, checkpoint };
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const reason = cause instanceof TlogError || cause instanceof ClientError ? ` ${cause.message}` : '';
    throw new ClientError(
      'REJECTED',
      `This is not the state of an audit.${reason} Remove it to begin anew.`,
      {
        cause,
      },
    );
  }
}

function toBase64(value: Uint8Array): string {
  return Buffer.from(value).toString('base64');
}
