import type { FastifyInstance } from 'fastify';

import { type Asset, readAssets } from './assets.ts';

const FOLDER = '/graphql/explorer/';

// Nothing inline and nothing from elsewhere; GraphiQL has its fonts in its style sheet.
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cache-control': 'no-cache',
  'content-type': 'text/html; charset=utf-8',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** Serves the explorer's page at `GET /graphql` and its files below it: GraphiQL, without any need of the internet. */
export function registerExplorer(fastify: FastifyInstance): void {
  // Over a megabyte that most gateways are never asked for.
  let explorer: Explorer | undefined;
  const open = (): Explorer => (explorer ??= readExplorer());

  fastify.get('/graphql', (_, reply) => reply.headers(PAGE_HEADERS).send(open().page));

  fastify.get<{ Params: { name: string } }>(`${FOLDER}:name`, (request, reply) => {
    const asset = open().byName.get(request.params.name);
    if (asset === undefined)
      return reply.code(404).type('text/plain; charset=utf-8').send('There is no such file.\n');
    return reply
      .headers({
        'cache-control': 'public, max-age=31536000, immutable',
        'content-type': asset.contentType,
        'x-content-type-options': 'nosniff',
      })
      .send(asset.bytes);
  });
}

type Explorer = { readonly page: Buffer; readonly byName: ReadonlyMap<string, Asset> };

function readExplorer(): Explorer {
  const { styles, scripts } = readAssets();
  return {
    page: Buffer.from(renderPage(styles, scripts)),
    byName: new Map([...styles, ...scripts].map((asset) => [asset.name, asset])),
  };
}

const renderPage = (styles: readonly Asset[], scripts: readonly Asset[]): string => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>GraphQL explorer · Dockchains</title>
    <link rel="icon" href="data:," />
${styles.map(({ name }) => `    <link rel="stylesheet" href="${FOLDER}${name}" />`).join('\n')}
  </head>
  <body>
    <div id="explorer">The explorer needs JavaScript.</div>
${scripts.map(({ name }) => `    <script src="${FOLDER}${name}"></script>`).join('\n')}
  </body>
</html>
`;
