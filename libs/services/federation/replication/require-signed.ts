import type { Peers } from '../peers/peers.ts';
import { openHead } from './heads.ts';
import { isUnknownSigner, keyOf } from './peer-log.ts';

/**
 * Verifies that the public log of an organisation signed a note: what nobody signed would be waited for in vain. A key that is not
 * known may be of a newer descriptor, which is fetched then, for the next time.
 * @throws TlogError
 */
export async function requireSigned(
  peers: Pick<Peers, 'list' | 'refresh'>,
  organisation: string,
  note: string,
): Promise<void> {
  const peer = (await peers.list()).find((one) => one.organisation === organisation);
  try {
    if (peer !== undefined) openHead(note, keyOf(peer));
  } catch (error) {
    if (isUnknownSigner(error)) await peers.refresh(organisation);
    throw error;
  }
}
