import { z } from 'zod';

import { ClientError } from './errors.ts';
import { type Fetch, parseJson, sendOk } from './http.ts';
import { printable } from './text.ts';

const organisationSchema = z.looseObject({
  name: z.string().regex(/^[a-z0-9.-]{1,253}$/),
  logs: z
    .array(
      z.looseObject({
        origin: z.string().min(1).max(255),
        url: z.url().max(2048),
        verifierKey: z.string().min(1).max(1024),
      }),
    )
    .max(64),
});

/** What a gateway says of its organisation. It is a claim: keys are pinned on first contact and compared later. */
export type Organisation = {
  readonly name: string;
  readonly logs: readonly { readonly origin: string; readonly url: string; readonly verifierKey: string }[];
};

const MAX_ORGANISATION_BYTES = 256 * 1024;

/**
 * Fetches `/.well-known/dockchains/organisation.json` of the gateway at `url`.
 * @throws ClientError of every code
 */
export async function getOrganisation(fetch: Fetch, url: string): Promise<Organisation> {
  const address = `${url}/.well-known/dockchains/organisation.json`;
  const { bytes } = await sendOk(fetch, { url: address, maxBytes: MAX_ORGANISATION_BYTES });
  const parsed = organisationSchema.safeParse(parseJson(bytes, address));
  if (parsed.success) return parsed.data;
  throw new ClientError(
    'BAD_RESPONSE',
    `${printable(address)} does not describe an organisation: ${printable(z.prettifyError(parsed.error))}`,
  );
}
