import {
  type CertificateKey,
  type Descriptor,
  readKnownDescriptor,
  signDescriptor,
} from '@dockchains/identity';
import { beforeAll, expect, test } from 'vitest';

import { makeCertificate, makeDescriptor } from '../formats/identity/testing/organisation.ts';
import { fetchEnvelope, followDescriptor, followOrganisation } from './index.ts';

const URL = 'https://registry.acme.example';

let keys: readonly CertificateKey[];
beforeAll(async () => {
  keys = await Promise.all([makeCertificate(), makeCertificate(), makeCertificate(), makeCertificate()]);
});

const keyOf = (index: number): CertificateKey => {
  const key = keys[index];
  if (key === undefined) throw new Error(`there is no key ${index}`);
  return key;
};
const fingerprintOf = (index: number): string => keyOf(index).fingerprint;

type Step = { readonly by: number; readonly signedBy?: readonly number[]; readonly revoked?: number };

/** Descriptors that follow each other, each of a certificate and signed by it and, where that is another, by the one before. */
async function chainOf(...steps: readonly Step[]): Promise<readonly string[]> {
  let last: Descriptor = makeDescriptor(keyOf(steps[0]?.by ?? 0));
  let before: { readonly by: number; readonly hash: string } | undefined;
  const envelopes: string[] = [];
  for (const { by, signedBy, revoked } of steps) {
    const { certificate } = keyOf(by);
    last = { ...last, number: envelopes.length + 1, previous: before?.hash ?? null, certificate };
    if (revoked !== undefined) {
      last = { ...last, formerKeys: [{ role: 'openpgp', key: fingerprintOf(revoked), state: 'revoked' }] };
    }
    const signers = signedBy ?? (before === undefined || before.by === by ? [by] : [before.by, by]);
    const envelope = await signDescriptor(last, signers.map(keyOf));
    before = { by, hash: readKnownDescriptor(envelope, '').hash };
    envelopes.push(envelope);
  }
  return envelopes;
}

const asked: string[] = [];

/** A gateway that shows these descriptors, the last as the newest. */
function serve(envelopes: readonly string[]): typeof fetch {
  asked.length = 0;
  return (input) => {
    const path = new globalThis.URL(input instanceof Request ? input.url : input).pathname;
    asked.push(path);
    const number = /organisation\/([0-9]+)\.json$/.exec(path)?.[1];
    const body = number === undefined ? envelopes.at(-1) : envelopes[Number(number) - 1];
    return Promise.resolve(new Response(body ?? 'none', { status: body === undefined ? 404 : 200 }));
  };
}

const follow = (envelopes: readonly string[], pinned: number) =>
  followOrganisation(serve(envelopes), { url: URL, fingerprint: fingerprintOf(pinned) });

test('the pinned certificate leads to the newest over any number of replacements', async () => {
  const chain = await chainOf({ by: 0 }, { by: 0 }, { by: 1 }, { by: 1 }, { by: 2 }, { by: 2 });
  for (const pinned of [0, 1, 2]) {
    expect(await follow(chain, pinned)).toMatchObject({
      fingerprint: fingerprintOf(2),
      descriptor: { number: 6 },
    });
  }
  expect(asked).toHaveLength(1); // the pinned one still acts
});

test('who knows a descriptor asks for none of those before it', async () => {
  const chain = await chainOf({ by: 0 }, { by: 0 }, { by: 1 }, { by: 1 });
  const fetch = serve(chain);
  const after = readKnownDescriptor(chain[1] ?? '', fingerprintOf(0));
  const newest = await fetchEnvelope({ fetch, url: URL });
  const followed = await followDescriptor({ fetch, url: URL, fingerprint: fingerprintOf(0), after }, newest);
  expect(followed).toMatchObject({ envelope: chain[3], known: { fingerprint: fingerprintOf(1) } });
  expect(asked).toEqual([
    '/.well-known/dockchains/organisation.json',
    '/.well-known/dockchains/organisation/3.json',
  ]);
});

test.each<{ name: string; steps: readonly Step[] }>([
  { name: 'the former one did not sign', steps: [{ by: 0 }, { by: 1, signedBy: [1] }] },
  { name: 'another one signed', steps: [{ by: 0 }, { by: 1, signedBy: [3, 1] }] },
  { name: 'it did not sign itself', steps: [{ by: 0 }, { by: 1, signedBy: [0] }] },
  { name: 'a step on the way is missing', steps: [{ by: 0 }, { by: 1, signedBy: [3, 1] }, { by: 2 }] },
  { name: 'the pinned one is revoked', steps: [{ by: 0 }, { by: 1 }, { by: 1, revoked: 0 }] },
  { name: 'the pinned one is revoked at once', steps: [{ by: 0 }, { by: 1, revoked: 0 }] },
  { name: 'nothing was ever by the pinned one', steps: [{ by: 1 }, { by: 2 }] },
])('another certificate is refused where $name', async ({ steps }) => {
  await expect(follow(await chainOf(...steps), 0)).rejects.toMatchObject({ code: 'VERIFICATION_FAILED' });
});

test('an old descriptor, shown again, does not lead back from the new certificate', async () => {
  const chain = await chainOf({ by: 0 }, { by: 0 }, { by: 1 });
  await expect(follow(chain.slice(0, 2), 1)).rejects.toMatchObject({ code: 'VERIFICATION_FAILED' });
  const fetch = serve(chain.slice(0, 2));
  const after = readKnownDescriptor(chain[2] ?? '', fingerprintOf(1));
  const request = { fetch, url: URL, fingerprint: fingerprintOf(1), after };
  await expect(followDescriptor(request, chain[1] ?? '')).rejects.toMatchObject({ code: 'BAD_SIGNATURE' });
});
