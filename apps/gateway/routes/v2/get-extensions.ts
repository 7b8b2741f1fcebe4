import type { Handler } from './exchange.ts';
import { sendJson } from './send-json.ts';

/** `GET /v2/_oci/ext/discover`, for the registry or one repository (distribution-spec, extensions/_oci). */
export const getExtensions: Handler<'extensions'> = async ({ access }, { principal, target, reply }) => {
  if (target.repository === undefined) await access.requireCurrent(principal);
  else await access.require(principal, 'pull', target.repository);
  return sendJson(reply, {
    extensions: [
      {
        name: '_oci',
        url: 'https://github.com/opencontainers/distribution-spec/blob/main/extensions/_oci.md',
        description: 'Extension discovery',
        endpoints: [
          target.repository === undefined ? '_oci/ext/discover' : `${target.repository}/_oci/ext/discover`,
        ],
      },
    ],
  });
};
