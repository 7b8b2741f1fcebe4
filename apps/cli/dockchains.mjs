#!/usr/bin/env node
// The command's entry. It must run under Node 20, so it is JavaScript and imports nothing of ours until the runtime is
// new enough to read TypeScript: Node 24, which the lockfile pins and the bootstrap installs.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const NEEDED = 24;
// An audit of any length lives in some 20 MiB at a time; without a bound V8 lets its garbage grow with the log.
const flags = process.argv[2] === 'audit' ? ['--max-old-space-size=64', '--max-semi-space-size=2'] : [];

// Recovery works on a gateway's stores, in its environment: it is the gateway's own command.
const entry = process.argv[2] === 'recover' ? '../gateway/main.mjs' : './main.ts';

const isNewEnough = Number(process.versions.node.split('.')[0]) >= NEEDED;
if (isNewEnough && (flags.length === 0 || process.env.DOCKCHAINS_CLI_REEXECUTED !== undefined)) {
  await import(entry);
} else {
  const pinned = fileURLToPath(
    new URL(`../../node_modules/node-${process.platform}-${process.arch}/bin/node`, import.meta.url),
  );
  const node = isNewEnough ? process.execPath : pinned;
  if (existsSync(node) && process.env.DOCKCHAINS_CLI_REEXECUTED === undefined) {
    reexecute(node);
  } else {
    process.stderr.write(
      `dockchains needs Node ${NEEDED}; this is ${process.version}. Run "npm run up" once in the clone (it installs the pinned one), or install Node ${NEEDED}.\n`,
    );
    process.exitCode = 2;
  }
}

function reexecute(node) {
  const child = spawn(node, [...flags, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, DOCKCHAINS_CLI_REEXECUTED: '1' },
  });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`${node} can't be started: ${error.message}\n`);
    process.exitCode = 2;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}
