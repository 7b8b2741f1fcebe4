/** A file in a journal of short files: 1 to 65,536 bytes and their digest. */
export interface ShortFrame {
  readonly digest: string;
  readonly bytes: Uint8Array;
}

/** How long a generation is, in bytes. */
export const GENERATION_BYTES: 16;
/** Where the first frame of a segment begins. */
export const HEADER_BYTES: 24;
/** How long a file in a frame may be, in bytes. */
export const MAX_FILE_BYTES: 65_536;

/** Encodes how a segment begins, with a generation of 16 bytes. */
export function encodeHeader(generation: Uint8Array): Buffer;

/** Gives how many bytes a frame takes. */
export function frameLength(frame: ShortFrame): number;

/**
 * Encodes a file of a segment with this generation.
 * @throws RangeError for what is no digest of ours, and for a file that is not short
 */
export function encodeFrame(generation: Uint8Array, frame: ShortFrame): Buffer;

/** Gives the frames of a segment in order, with where each begins, up to the first that is none: nothing that does not hash to its digest. */
export function parseFrames(segment: Buffer): Generator<{ digest: string; bytes: Buffer; at: number }>;
