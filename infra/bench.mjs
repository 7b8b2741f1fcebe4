// `npm run bench`: the load generator and its peers, one report.
import { ensureInstalled } from './install.mjs';
import { getNode, inRoot, runAttached } from './toolchain.mjs';

/** Runs the benchmarks; arguments go to them. */
export async function bench(args) {
  await ensureInstalled();
  return runAttached(getNode(), [inRoot('bench', 'main.ts'), ...args]);
}
