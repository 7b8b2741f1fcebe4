import { existsSync, writeFileSync } from 'node:fs';

import { readConfig } from '../../apps/gateway/config.ts';
import { serve } from '../../apps/gateway/serve.ts';

// A gateway like any other, but that it kills itself once, behind the step of the commit protocol that
// STOP_AFTER_STEP names, or halts there if STOP_SIGNAL is SIGSTOP. STOP_FILE remembers that it has.
const { STOP_AFTER_STEP: stopAfter, STOP_FILE: stopFile = '', STOP_SIGNAL: signal = 'SIGKILL' } = process.env;

await serve(await readConfig(process.env), {
  onStep: (step) => {
    if (step !== stopAfter || existsSync(stopFile)) return;
    writeFileSync(stopFile, step);
    process.kill(process.pid, signal);
  },
});
