import { addPeer, findPeer, listPeers, type PeerSummary, removePeer } from '@dockchains/client';

import { openOperator } from '../accounts.ts';
import { commandOf, groupOf, ORGANISATION_OPTION, type Register } from '../command.ts';
import { CliError } from '../errors.ts';
import { chooseGateway, openGateway } from '../gateway.ts';
import { type Outcome, tableOf } from '../output.ts';

type Options = { readonly registry?: string };

/** `dockchains peer`: the organisations that a gateway's organisation federates with. */
export const registerPeer: Register = (parent, { io, print }) => {
  const group = groupOf('peer', 'the organisations that this one federates with');
  const openReader = async (registry: string | undefined) =>
    openGateway(io, await chooseGateway(io, registry), 'publisher');

  group.addCommand(
    commandOf('add <url>', {
      summary: 'federate with the organisation whose gateway answers at a URL (for operators)',
      examples: `dockchains peer add https://registry.globex.example --fingerprint 45F005D5375A2199A46348069CBE4C684FFCF8BC`,
    })
      .requiredOption('-f, --fingerprint <hex>', "of the organisation's OpenPGP certificate")
      .option(...ORGANISATION_OPTION)
      .action(
        print(
          async (
            url: string,
            { fingerprint, registry }: Options & { readonly fingerprint: string },
          ): Promise<Outcome> => {
            const peer = await addPeer(await openOperator(io, registry), { url, fingerprint });
            return { text: `${peer.organisation} is a peer: ${standingOf(peer)}.`, json: peer };
          },
        ),
      ),
  );
  group.addCommand(
    commandOf('list', { summary: 'list the peers', examples: 'dockchains peer list' })
      .option('--removed', 'list those that were removed, too')
      .option(...ORGANISATION_OPTION)
      .action(
        print(
          async ({
            registry,
            removed = false,
          }: Options & { readonly removed?: boolean }): Promise<Outcome> => {
            const peers = await listPeers(await openReader(registry), { removed });
            const rows = peers.map((peer) => [peer.organisation, peer.url, peer.seenAt, standingOf(peer)]);
            return { text: tableOf(['ORGANISATION', 'URL', 'SEEN', 'STATE'], rows), json: { peers } };
          },
        ),
      ),
  );
  group.addCommand(
    commandOf('show <name>', { summary: 'show one peer', examples: 'dockchains peer show globex.example' })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async (name: string, { registry }: Options): Promise<Outcome> => {
          const peer = await findPeer(await openReader(registry), name);
          if (peer !== undefined) return { text: describe(peer), json: peer };
          throw new CliError('USAGE', `${name} is not a peer; "dockchains peer list" names those that are.`);
        }),
      ),
  );
  group.addCommand(
    commandOf('remove <name>', {
      summary: 'end the peering on this side (for operators)',
      examples: 'dockchains peer remove globex.example',
    })
      .option(...ORGANISATION_OPTION)
      .action(
        print(async (name: string, { registry }: Options): Promise<Outcome> => {
          const peer = await removePeer(await openOperator(io, registry), name);
          return { text: `${peer.organisation} is no longer a peer.`, json: peer };
        }),
      ),
  );
  parent.addCommand(group);
};

function standingOf({ organisation, state }: PeerSummary): string {
  if (state === 'MUTUAL') return 'mutual';
  return state === 'WAITING' ? `waiting for ${organisation} to add us` : 'removed';
}

function describe(peer: PeerSummary): string {
  return [
    `${peer.organisation}: ${standingOf(peer)}`,
    `  gateway      ${peer.url}`,
    `  registry     ${peer.registry}`,
    `  certificate  ${peer.fingerprint}`,
    `  descriptor   ${peer.descriptorNumber}`,
    `  added        ${peer.addedAt}`,
    `  last seen    ${peer.seenAt}`,
  ].join('\n');
}
