import type { TestGateway } from './gateway.ts';

/** Makes gateways of different organisations peers of each other, both ways, as their operators would. */
export async function makePeers(...gateways: readonly TestGateway[]): Promise<void> {
  for (const gateway of gateways) {
    for (const peer of gateways) {
      if (peer !== gateway) await addPeer(gateway, { url: peer.url, fingerprint: await fingerprintOf(peer) });
    }
  }
}

/** Makes the organisation that answers at a URL a peer of a gateway's, one way, as its operator would. */
export async function addPeer(
  gateway: TestGateway,
  peer: { readonly url: string; readonly fingerprint: string },
): Promise<void> {
  const token = await gateway.token(gateway.operator, 'repository:**:admin');
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: ADD, variables: { url: peer.url, fingerprint: peer.fingerprint } }),
  });
  const answer = (await response.json()) as { errors?: readonly { message: string }[] };
  if (answer.errors !== undefined) throw new Error(answer.errors.map(({ message }) => message).join('\n'));
}

const ADD = `mutation Add($url: String!, $fingerprint: String!) {
  addPeer(url: $url, fingerprint: $fingerprint) { organisation }
}`;

/** The fingerprint that an organisation's descriptor says that it is signed by: a test trusts its own gateways. */
async function fingerprintOf({ url }: TestGateway): Promise<string> {
  const response = await fetch(`${url}/.well-known/dockchains/organisation.json`);
  const envelope = (await response.json()) as { signatures: readonly { keyid: string }[] };
  const signature = envelope.signatures.at(-1);
  if (signature === undefined) throw new Error('The descriptor has no signature.');
  return signature.keyid;
}
