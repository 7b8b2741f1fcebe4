import { randomFillSync } from 'node:crypto';

// Of one draw: each takes some 7 µs, whatever it gives, and a push needs three ids.
const DRAWN = 4096;

/** Opens a source of random bytes for ids, at most 4,096 at a time, drawn ahead from the operating system's; none is given twice. */
export function openRandomBytes(): (bytes: number) => Buffer {
  let drawn = Buffer.alloc(0);
  return (bytes) => {
    if (drawn.length < bytes) drawn = randomFillSync(Buffer.allocUnsafeSlow(DRAWN));
    const given = drawn.subarray(0, bytes);
    drawn = drawn.subarray(bytes);
    return given;
  };
}
