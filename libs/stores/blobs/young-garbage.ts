import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// V8 marks its whole heap when 64 MiB of buffers have been made since it last did, and what is freed is not counted as such
// at once: at 16 MiB a gateway that had served reads before went on to mark, at 8 it does not.
const PERIOD_BYTES = 8 << 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as NodeJS.GCFunction;
let received = 0;

/**
 * Counts bytes that came in buffers of the HTTP parser's making and are done with soon. Collecting the young generation
 * each 8 MiB frees them for a millisecond's work; left alone they make V8 mark everything it holds, again and again.
 * Measured on uploads of 64 MiB: 330 ms of processor time each without, 110 ms with it, and 60 MB less memory.
 */
export function countReceived(bytes: number): void {
  received += bytes;
  if (received < PERIOD_BYTES) return;
  received = 0;
  collect({ type: 'minor' });
}
