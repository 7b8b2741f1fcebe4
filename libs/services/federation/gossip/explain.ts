import { ClientError, type Fetch, send } from '@dockchains/client';
import {
  consistencyPath,
  type Equivocation,
  findPrefixRoot,
  MAX_CONSISTENCY_BYTES,
  parseConsistency,
  TlogError,
  verifyConsistency,
} from '@dockchains/tlog';
import { LRUCache } from 'lru-cache';

import { isEqual, type SignedHead } from '../replication/heads.ts';

/** What a log says about two of its heads: that one extends the other, a confession, something that explains nothing, or nothing. */
export type Explanation =
  | { readonly kind: 'agrees' }
  | { readonly kind: 'contradicts'; readonly proof: Equivocation }
  | { readonly kind: 'refused' | 'unheard'; readonly answer: string };

/** Asks the log at this URL whether the larger head extends the smaller; two of one size need no question. */
export type AskLog = (logUrl: string, one: SignedHead, other: SignedHead) => Promise<Explanation>;

const TIMEOUT_MS = 4_000;
const MAX_REMEMBERED = 10_000;

/** Opens it; what was shown once is not asked again. */
export function openAskLog(fetch: Fetch): AskLog {
  const shown = new LRUCache<string, true>({ max: MAX_REMEMBERED });
  return async (logUrl, one, other) => {
    const [older, newer] = one.size <= other.size ? [one, other] : [other, one];
    if (older.size === 0n) return { kind: 'agrees' };
    const path = consistencyPath(older, newer);
    const id = `${older.origin} ${path}`;
    if (shown.has(id)) return { kind: 'agrees' };
    const explanation = await ask(fetch, `${logUrl}/${path}`, older, newer);
    if (explanation.kind === 'agrees') shown.set(id, true);
    return explanation;
  };
}

async function ask(fetch: Fetch, url: string, older: SignedHead, newer: SignedHead): Promise<Explanation> {
  try {
    const { status, bytes } = await send(fetch, {
      ...{ url, maxBytes: MAX_CONSISTENCY_BYTES, timeoutMs: TIMEOUT_MS },
    });
    if (status === 200) return judge(older, newer, parseConsistency(bytes));
    // Absence is no guilt: a log that is restarting, busy or behind has said nothing yet.
    const isAway = status === 408 || status === 429 || status >= 500;
    return { kind: isAway ? 'unheard' : 'refused', answer: `it answered with status ${status}` };
  } catch (error) {
    if (error instanceof TlogError) return { kind: 'refused', answer: 'it answered with something else' };
    if (!(error instanceof ClientError)) throw error;
    return error.code === 'BAD_RESPONSE'
      ? { kind: 'refused', answer: 'it answered with more than a proof can have' }
      : { kind: 'unheard', answer: 'it can’t be reached' };
  }
}

function judge(older: SignedHead, newer: SignedHead, proof: readonly Uint8Array[]): Explanation {
  const sizes = { oldSize: older.size, newSize: newer.size, newRoot: newer.root, proof };
  try {
    verifyConsistency({ ...sizes, oldRoot: older.root });
    return { kind: 'agrees' };
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
  }
  // A proof from another history than the one that was shown is the log's own confession, whoever it gave it to.
  const root = findPrefixRoot(sizes);
  if (root === undefined || isEqual(root, older.root)) {
    return { kind: 'refused', answer: 'its proof does not hold' };
  }
  return {
    kind: 'contradicts',
    proof: { older: older.note, newer: newer.note, prefix: { root, proof } },
  };
}
