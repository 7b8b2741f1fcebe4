import type { BuiltManifest } from '@dockchains/testing';

import { type Answer, pushBlobs, type Session } from '../registry-http.ts';

/** Pushes a manifest with all that is below it, itself under `reference`; gives the answer to its own PUT. */
export async function pushAll(session: Session, built: BuiltManifest, reference: string): Promise<Answer> {
  await pushBlobs(session, built);
  let answer: Answer | undefined;
  for (const { descriptor, bytes } of built.manifests) {
    const name = descriptor.digest === built.descriptor.digest ? reference : descriptor.digest;
    const headers = { 'content-type': descriptor.mediaType };
    answer = await session.call(`/manifests/${name}`, { method: 'PUT', body: bytes, headers });
    if (answer.status !== 201) throw new Error(`The manifest was not taken: ${answer.status}`);
  }
  if (answer === undefined) throw new Error('There is no manifest to push.');
  return answer;
}
