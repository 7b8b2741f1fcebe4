// Makes the organisations that run here peers of each other, by their operators' own means; does nothing twice.
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { credentialsOf, pathsOf } from './federation.mjs';
import { askGraphql, fetchOperatorToken, fetchText, readDescriptor } from './own-gateway.mjs';
import { forAll, Refusal, step, warn } from './steps.mjs';

const peeringTimeoutMs = 30_000;
const cosigningTimeoutMs = 20_000;
const retryMs = 200;

const listPeers = `{ peers(first: 100) { nodes { organisation url fingerprint state } } }`;
const addPeer = `mutation Add($url: String!, $fingerprint: String!) {
  addPeer(url: $url, fingerprint: $fingerprint) { organisation url fingerprint state }
}`;
const removePeer = `mutation Remove($organisation: String!) { removePeer(organisation: $organisation) { organisation } }`;

/** Makes each the peer of each other, and waits until their public ledgers are cosigned by all; takes `{ organisation, port }` of those that run. */
export async function makePeers(running) {
  if (running.length < 2) return;
  const members = running.map(describeMember);
  const names = members.map(({ name }) => name).join(', ');
  await step(`Peers: ${names}`, async () => {
    const added = await connectAll(members);
    return added ? 'each added the others' : 'each has the others already';
  });
  await step('Public ledgers cosigned by all peers', () => waitForCosignatures(members));
}

// Its fingerprint is the one that the organisation here gave itself, whoever answers at its port.
function describeMember({ organisation, port }) {
  const envelope = readFileSync(pathsOf(organisation).descriptor, 'utf8');
  return {
    name: organisation.name,
    url: `http://127.0.0.1:${port}`,
    operator: credentialsOf(organisation).operator,
    fingerprint: readDescriptor(envelope).fingerprint,
  };
}

/** Whether anything had to be added. */
async function connectAll(members) {
  const deadline = performance.now() + peeringTimeoutMs;
  const tokens = new Map();
  for (let round = 0; ; round += 1) {
    const missing = (await forAll(members, (member) => findMissing(member, members))).flat();
    if (missing.length === 0) return round > 0;
    if (performance.now() > deadline) throw new Refusal(explain(missing));
    // Adding again asks the other side at once whether it has added us, which the gateway does later and later.
    await forAll(missing, async ({ member, peer, stale }) => {
      if (!tokens.has(member)) tokens.set(member, fetchOperatorToken(member));
      const token = await tokens.get(member);
      if (stale) await askGraphql(member.url, removePeer, { token, variables: { organisation: peer.name } });
      const variables = { url: peer.url, fingerprint: peer.fingerprint };
      await askGraphql(member.url, addPeer, { token, variables });
    });
    if (round > 0) await pause(retryMs);
  }
}

// `stale` where the peer's certificate is another now: its state was removed and made anew.
async function findMissing(member, members) {
  const { peers } = await askGraphql(member.url, listPeers);
  return members
    .filter((peer) => peer !== member)
    .map((peer) => ({
      member,
      peer,
      known: peers.nodes.find(({ organisation }) => organisation === peer.name),
    }))
    .filter(({ peer, known }) => !isMutual(peer, known))
    .map(({ known, ...pair }) => ({ ...pair, stale: known && known.fingerprint !== pair.peer.fingerprint }));
}

const isMutual = (peer, known) =>
  known?.state === 'MUTUAL' && known.url === peer.url && known.fingerprint === peer.fingerprint;

const explain = (missing) =>
  `Not peers after ${peeringTimeoutMs / 1000} s: ${missing
    .map(({ member, peer }) => `${member.name} waits for ${peer.name}`)
    .join(', ')}. Look at their logs in .dockchains, then run the same command again.`;

// What is verified by the policy below has to bear a witness's cosignature, so a first push would otherwise fail for a moment.
async function waitForCosignatures(members) {
  const waits = await forAll(members, (member) => waitForCosignaturesOf(member, members));
  const behind = waits.flat();
  if (behind.length === 0) return undefined;
  warn(`${behind.join('; ')}. See their logs in .dockchains.`);
  return 'not yet';
}

async function waitForCosignaturesOf(member, members) {
  const witnesses = members.filter((peer) => peer !== member).map(({ name }) => `${name}/witness`);
  const deadline = performance.now() + cosigningTimeoutMs;
  for (;;) {
    const note = await fetchText(`${member.url}/log/public/checkpoint`).catch(() => '');
    const absent = witnesses.filter((witness) => !note.includes(`\n— ${witness} `));
    if (absent.length === 0) return [];
    if (performance.now() > deadline) {
      return [`The public ledger of ${member.name} is not cosigned by ${absent.join(' and ')}`];
    }
    await pause(retryMs);
  }
}
