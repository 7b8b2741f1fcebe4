import { AccessError } from '@dockchains/access';

import { sendJson } from './send-json.ts';
import type { Handler } from './exchange.ts';

/**
 * `GET /v2/` (distribution-spec, Determining Support). Without a token 401, also where pulls need none: that is how
 * clients learn where to get one; an anonymous token will do.
 */
export const ping: Handler<'ping'> = async ({ access }, { principal, request, reply }) => {
  if (request.headers.authorization === undefined) {
    throw new AccessError(
      'UNAUTHORIZED',
      'Get a token to sign in; public repositories can be pulled without.',
    );
  }
  await access.requireCurrent(principal);
  return sendJson(reply, {});
};
