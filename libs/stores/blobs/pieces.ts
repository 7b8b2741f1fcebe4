/** Bytes of a buffer in which files are read and written. Measured: 1 MiB streams twice as fast as 64 KiB. */
export const PIECE_BYTES = 1 << 20;

// For those who transfer at once on a few cores; buffers beyond are left to the collector.
const MAX_SPARE = 32;

// A fresh buffer for each piece would cost more than the reading and writing: V8 marks its whole heap each time that
// 64 MiB of them have been made.
const spare: ArrayBufferLike[] = [];

/** Gives a buffer of {@link PIECE_BYTES} with anything in it, which threads can share. */
export function takePiece(): Buffer {
  const memory = spare.pop() ?? allocate();
  return Buffer.from(memory, 0, PIECE_BYTES);
}

/** Gives back a piece, or a part of one, that nobody holds any more: it will be written over. */
export function recyclePiece({ buffer }: Buffer): void {
  if (spare.length < MAX_SPARE) spare.push(buffer);
}

/** One that could grow is mapped rather than allocated, and so begins where a page of memory does: as unbuffered writes need it. */
function allocate(): ArrayBufferLike {
  return new SharedArrayBuffer(PIECE_BYTES, { maxByteLength: PIECE_BYTES });
}
