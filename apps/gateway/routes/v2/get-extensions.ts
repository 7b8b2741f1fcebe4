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
        description: 'Extension discovery, and the history of tags',
        endpoints: endpointsOf(target.repository),
      },
    ],
  });
};

// Those of a repository are announced there alone (distribution-spec, extensions/README).
function endpointsOf(repository: string | undefined): readonly string[] {
  if (repository === undefined) return ['_oci/ext/discover'];
  return [`${repository}/_oci/ext/discover`, `${repository}/_oci/tag-history`];
}
