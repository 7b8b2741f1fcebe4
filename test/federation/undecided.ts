import type { TestGateway } from '@dockchains/testing';

/** What GraphQL says at a gateway of heads of a ledger, or of any, that wait for an explanation. */
export async function undecidedAt(
  { url }: Pick<TestGateway, 'url'>,
  ledger?: string,
): Promise<readonly unknown[]> {
  const query =
    '{ undecidedHeads { nodes { origin heldSize shownSize shownBy isUnexplained isWithheld answer } } }';
  const response = await fetch(`${url}/graphql`, {
    ...{ method: 'POST', body: JSON.stringify({ query }) },
    headers: { 'content-type': 'application/json' },
  });
  const { data } = (await response.json()) as {
    data: { undecidedHeads: { nodes: readonly { readonly origin: string }[] } };
  };
  return data.undecidedHeads.nodes.filter(({ origin }) => ledger === undefined || origin === ledger);
}
