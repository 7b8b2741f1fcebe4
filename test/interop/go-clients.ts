import { join } from 'node:path';

import { findMissing, runProgram } from './programs.ts';

/** A program to run, or the reason why it can't be had here. */
export type Built = { readonly program: string } | { readonly reason: string };

const FSCK = 'github.com/transparency-dev/tessera/cmd/fsck@v1.0.4';
const AUDIT_SOURCE = join(import.meta.dirname, 'go-tlog');
const BUILD_MS = 300_000;

/** Builds the audit of `go-tlog/`, over the Go project's own `note` and `tlog`, into a folder. */
export async function buildGoAudit(folder: string): Promise<Built> {
  const options = { cwd: AUDIT_SOURCE, timeoutMs: BUILD_MS };
  const reason = findMissing('go') ?? (await whyNot(runProgram('go', ['mod', 'download'], options)));
  if (reason !== undefined) return { reason };
  const program = join(folder, 'go-tlog-audit');
  await runProgram('go', ['build', '-o', program, '.'], options);
  return { program };
}

/** Builds Tessera's checker of tlog-tiles logs into a folder. */
export async function buildFsck(folder: string): Promise<Built> {
  const options = { cwd: folder, env: { ...process.env, GOBIN: folder }, timeoutMs: BUILD_MS };
  const reason = findMissing('go') ?? (await whyNot(runProgram('go', ['install', FSCK], options)));
  return reason === undefined ? { program: join(folder, 'fsck') } : { reason };
}

/** What can't be fetched is a machine's shortcoming, not ours: gives the reason. */
async function whyNot(work: Promise<string>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
