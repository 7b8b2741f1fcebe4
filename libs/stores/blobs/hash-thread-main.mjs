import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

// What `hash-thread.ts` starts. This file is no TypeScript: Node would load its compiler for it, 20 MB.

/** @type {Map<number, import('node:crypto').Hash>} */
const hashes = new Map();

/**
 * Takes one order; each is answered, in the order in which they came.
 * @param {import('./hash-thread.ts').Order} order
 * @returns {string | undefined}
 */
function take(order) {
  switch (order.kind) {
    case 'begin':
      hashes.set(order.id, createHash(order.algorithm));
      return undefined;
    case 'update':
      hashes.get(order.id)?.update(order.bytes);
      return undefined;
    case 'digest':
      return hashes.get(order.id)?.copy().digest('hex');
    case 'drop':
      hashes.delete(order.id);
      return undefined;
  }
}

parentPort?.on('message', (/** @type {import('./hash-thread.ts').Order} */ order) => {
  parentPort?.postMessage(take(order));
});
