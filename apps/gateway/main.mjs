import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Compiled code is kept for the next start, which takes half the time then. It lies beside the code that it was made
// from, where only those who may change that code can write; where nobody may, nothing is kept and nothing is lost.
// This file is no TypeScript: Node would load its compiler for it, 20 MB, before it can find out what is kept.
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/dockchains'));

const { run } = await import('./run.ts');
await run(process.argv.slice(2));
