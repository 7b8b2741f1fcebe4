import { randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  askOverHttp,
  type AskWitness,
  encodeCosigned,
  type Messages,
  openMessages,
  postCosigned,
  type ReplicationDeps,
} from '@dockchains/federation';
import { findRevokedKeys, openKey, openNatsAuthority, openNatsKey } from '@dockchains/keys';
import { parseWitnessReply } from '@dockchains/messaging';

import type { GatewayDeps } from './deps.ts';

/** The file in the keys folder that the organisation's NATS servers include; it holds no secret. */
const ACCOUNTS_FILE = 'nats-accounts.conf';

/** Opens what goes over NATS; where there is no server, everything goes over HTTP. @throws KeyError */
export async function openGatewayMessages({
  config,
  database,
  ledgers,
  log,
  peers,
  replicas,
  witness,
  fetch,
}: Pick<GatewayDeps, 'config' | 'database' | 'ledgers' | 'log' | 'peers' | 'replicas' | 'witness'> & {
  readonly fetch: typeof globalThis.fetch;
}): Promise<Messages> {
  const { organisation, keysDirectory, natsUrl, insecure } = config;
  const revoked = (await findRevokedKeys(keysDirectory)).filter(({ role }) => role === 'nats');
  return openMessages({
    ...{ database, ledgers, log, peers, natsUrl, insecure, fetch },
    signer: { organisation, key: await openKey(keysDirectory, 'message') },
    user: await openNatsKey(keysDirectory),
    authority: await openNatsAuthority(keysDirectory),
    revokedUsers: revoked.map(({ key }) => key),
    addCheckpoint: async (request) => {
      const { body, ...answer } = await witness.addCheckpoint(request);
      return { ...answer, body: Buffer.from(body) };
    },
    sink: replicas.replication,
    writeAccounts: async (configuration) => {
      const path = join(keysDirectory, ACCOUNTS_FILE);
      const draft = `${path}.${randomUUID()}`; // gateways that start together each have their own
      await writeFile(draft, configuration, { mode: 0o644 });
      await rename(draft, path);
    },
  });
}

/** Asks a peer's witness over its NATS while that is connected, all others, and what goes wrong there, over HTTP. */
export function askWitnesses(
  findMessages: () => Messages | undefined,
  fetch: typeof globalThis.fetch,
): AskWitness {
  const overHttp = askOverHttp(fetch);
  return async (address, body) => {
    const { organisation } = address;
    const messages = findMessages();
    if (organisation !== undefined && messages?.status().peers.includes(organisation) === true) {
      try {
        return parseWitnessReply(await messages.ask(organisation, 'witness', Buffer.from(body)));
      } catch {
        // The same body again is no harm: a witness cosigns a head that it knows anew.
      }
    }
    return overHttp(address, body);
  };
}

/** Hands our mirror's cosignatures to a peer over its NATS while that is connected, else over HTTP. */
export function deliverCosigned(
  findMessages: () => Messages | undefined,
  fetch: typeof globalThis.fetch,
): NonNullable<ReplicationDeps['deliver']> {
  return async (peer, cosigned) => {
    try {
      const messages = findMessages();
      if (messages?.status().peers.includes(peer.organisation) === true) {
        await messages.ask(peer.organisation, 'cosigned', Buffer.from(encodeCosigned(cosigned)));
        return;
      }
    } catch {
      // What goes wrong over NATS is tried over HTTP, which says why if it fails too.
    }
    await postCosigned(peer, cosigned, fetch);
  };
}
