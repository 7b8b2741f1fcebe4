import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';

/** A file of the explorer, named after its content so that it may be cached for ever. */
export type Asset = {
  /** `<name>.<16 hex digits of SHA-256><extension>`. */
  readonly name: string;
  readonly contentType: string;
  readonly bytes: Buffer;
};

/** The explorer's files, each by the tag that loads it. */
export type Assets = { readonly styles: readonly Asset[]; readonly scripts: readonly Asset[] };

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

const require = createRequire(import.meta.url);

/**
 * Reads GraphiQL's prebuilt files, React's (in the order in which they need each other), and ours. GraphiQL 3 and React
 * 18 are the last of their kind that run in a browser without a bundler. What the prebuilt GraphiQL was built from is
 * in it already: the root package.json's overrides keep npm from installing that as well.
 */
export function readAssets(): Assets {
  return {
    styles: [beside(require.resolve('graphiql/package.json'), 'graphiql.min.css'), ours('explorer.css')],
    scripts: [
      beside(require.resolve('react/package.json'), 'umd/react.production.min.js'),
      beside(require.resolve('react-dom/package.json'), 'umd/react-dom.production.min.js'),
      beside(require.resolve('graphiql/package.json'), 'graphiql.min.js'),
      ours('explorer.js'),
    ],
  };
}

const beside = (manifest: string, path: string): Asset => readAsset(join(dirname(manifest), path));

const ours = (name: string): Asset => readAsset(join(import.meta.dirname, name));

function readAsset(path: string): Asset {
  const bytes = readFileSync(path);
  const extension = extname(path);
  const stem = path.slice(path.lastIndexOf('/') + 1, -extension.length);
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  return {
    name: `${stem}.${hash}${extension}`,
    contentType: CONTENT_TYPES[extension] ?? 'application/octet-stream',
    bytes,
  };
}
