import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { NoteKey } from './note-keys.ts';
import { runWithComplaints } from './programs.ts';

/** A log that Tessera keeps in a folder, as C2SP tlog-tiles has it. */
export interface TesseraLog {
  /** Of `checkpoint` and `tile/`. */
  readonly folder: string;
  /** Adds entries, and waits until a checkpoint that covers them is published; gives what Tessera said of it. */
  add(entries: readonly string[], options?: AddOptions): Promise<string>;
}

/** How entries are added. */
export interface AddOptions {
  /** Text of the policy (C2SP tlog-policy) without which no checkpoint is published; without it nobody is asked. */
  readonly policy?: string;
  /** Gives up, and throws, after this time. */
  readonly timeoutMs?: number;
}

/** Makes a log in `folder`, kept by Tessera's `posix-oneshot`. */
export async function createTesseraLog(program: string, folder: string, key: NoteKey): Promise<TesseraLog> {
  const storage = join(folder, 'log');
  await mkdir(storage, { recursive: true });
  await writeFile(join(folder, 'log.key'), key.signerKey);
  return {
    folder: storage,
    async add(entries, { policy, timeoutMs = 30_000 } = {}) {
      const input = await mkdtemp(join(folder, 'entries-'));
      for (const [index, entry] of entries.entries()) {
        await writeFile(join(input, String(index).padStart(6, '0')), entry);
      }
      const witnessed = ['--witness_policy_file', join(input, 'policy'), '--witness_timeout', '5s'];
      if (policy !== undefined) await writeFile(join(input, 'policy'), policy);
      const { complaints } = await runWithComplaints(
        program,
        [
          ...['--storage_dir', storage, '--private_key', join(folder, 'log.key')],
          ...['--entries', join(input, '[0-9]*'), '--logtostderr'],
          ...(policy === undefined ? [] : witnessed),
        ],
        { timeoutMs },
      );
      await rm(input, { recursive: true });
      return complaints;
    },
  };
}
