import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { NoteKey } from './note-keys.ts';

/** transparency-dev's witness as a process. */
export interface OtherWitness {
  /** `127.0.0.1:<port>`; `/add-checkpoint` is below it. */
  readonly host: string;
  /** Everything that it printed. */
  logs(): string;
  /** Kills it with SIGKILL, and waits for its end; what it has cosigned stays in its folder. */
  kill9(): Promise<void>;
}

/** What a witness is started with. */
export interface OtherWitnessOptions {
  readonly program: string;
  /** Of its database; it goes on where one of the same folder ended. */
  readonly folder: string;
  readonly port: number;
  readonly key: NoteKey;
  /** Verifier keys of the logs that it cosigns for. */
  readonly logs: readonly string[];
}

const START_MS = 30_000;
const POLL_MS = 50;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts it, and waits until it answers. */
export async function startOtherWitness({
  program,
  folder,
  port,
  key,
  logs,
}: OtherWitnessOptions): Promise<OtherWitness> {
  const host = `127.0.0.1:${port}`;
  await writeFile(join(folder, 'witness.key'), key.signerKey);
  const lines = logs.map(
    (log) =>
      `  - Origin: ${log.slice(0, log.indexOf('+'))}\n    PublicKey: ${log}\n    URL: http://localhost/\n`,
  );
  await writeFile(join(folder, 'logs.yaml'), `Logs:\n${lines.join('')}`);
  const args = [
    ...['--listen', host, '--metrics_listen', '', '--db_file', join(folder, 'witness.db'), '--logtostderr'],
    ...['--private_key_path', join(folder, 'witness.key'), '--additional_logs', join(folder, 'logs.yaml')],
  ];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  running.add(child);
  let printed = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    printed += chunk;
  });
  const ended = once(child, 'exit').then(() => running.delete(child));
  const witness = {
    host,
    logs: () => printed,
    async kill9() {
      child.kill('SIGKILL');
      await ended;
    },
  };
  await answers(host, () => child.exitCode === null, AbortSignal.timeout(START_MS)).catch(
    async (cause: unknown) => {
      await witness.kill9();
      throw new Error(`The witness did not start:\n${printed}`, { cause });
    },
  );
  return witness;
}

/** It says nothing when it listens: it is asked until it answers. */
async function answers(host: string, isAlive: () => boolean, signal: AbortSignal): Promise<void> {
  while (isAlive()) {
    const answer = await fetch(`http://${host}/add-checkpoint`, { method: 'POST', signal }).catch(
      () => undefined,
    );
    if (answer !== undefined) return;
    await delay(POLL_MS, undefined, { signal });
  }
  throw new Error('It ended.');
}
