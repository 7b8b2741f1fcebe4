import type { Principal } from '@dockchains/access';
import { keptName, OciError } from '@dockchains/oci';
import { isUploadId } from '@dockchains/registry';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { GatewayDeps } from '../../deps.ts';
import { findNamespace, type Namespace, nameWithin } from '../../namespace.ts';
import { parseV2Path, type V2Kind, type V2Target } from '../../v2-path.ts';
import { appendUpload } from './append-upload.ts';
import { cancelUpload } from './cancel-upload.ts';
import { deleteBlob } from './delete-blob.ts';
import { deleteManifest } from './delete-manifest.ts';
import type { Handler } from './exchange.ts';
import { finishUpload } from './finish-upload.ts';
import { getBlob } from './get-blob.ts';
import { getCatalog } from './get-catalog.ts';
import { getExtensions } from './get-extensions.ts';
import { getManifest } from './get-manifest.ts';
import { getUpload } from './get-upload.ts';
import { listReferrers } from './list-referrers.ts';
import { listTagHistory } from './list-tag-history.ts';
import { listTags } from './list-tags.ts';
import { ping } from './ping.ts';
import { putManifest } from './put-manifest.ts';
import { startUpload } from './start-upload.ts';

type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';

/** The methods that each kind of path takes, and the file that answers each. */
export const V2_ROUTES: { readonly [Kind in V2Kind]: Partial<Readonly<Record<Method, Handler<Kind>>>> } = {
  ping: { GET: ping, HEAD: ping },
  catalog: { GET: getCatalog },
  extensions: { GET: getExtensions },
  tags: { GET: listTags },
  'tag-history': { GET: listTagHistory },
  manifest: { GET: getManifest, HEAD: getManifest, PUT: putManifest, DELETE: deleteManifest },
  referrers: { GET: listReferrers },
  blob: { GET: getBlob, HEAD: getBlob, DELETE: deleteBlob },
  uploads: { POST: startUpload },
  upload: { GET: getUpload, PATCH: appendUpload, PUT: finishUpload, DELETE: cancelUpload },
};

const METHODS: Method[] = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'];

/**
 * `/v2/…`: OCI distribution 1.1.1. Names hold slashes, so one wildcard takes every path and hands it to the file of its
 * route. Bodies are left as streams, of whatever type: manifests are bounded where they are read, blobs are not.
 */
export function registerV2(server: FastifyInstance, deps: GatewayDeps): void {
  void server.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, parsed) => {
      parsed(null, payload);
    });
    scope.addHook('onRequest', (_request, reply, next) => {
      void reply.header('docker-distribution-api-version', 'registry/2.0');
      next();
    });
    for (const url of ['/v2', '/v2/*']) {
      scope.route({ method: METHODS, url, handler: (request, reply) => handle(deps, request, reply) });
    }
    done();
  });
}

async function handle(
  deps: GatewayDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const url = request.raw.url ?? '';
  const mark = url.indexOf('?');
  const parsed = parseV2Path(mark < 0 ? url : url.slice(0, mark));
  if (parsed === undefined) {
    throw new OciError('NAME_UNKNOWN', 'The registry has no such path.');
  }
  request.routeName = `/v2 ${parsed.kind}`;
  const handler = findHandler(parsed, request.method);
  if (handler === undefined) {
    void reply.header('allow', Object.keys(V2_ROUTES[parsed.kind]).join(', '));
    throw new OciError('UNSUPPORTED', `This path does not take ${request.method}.`);
  }
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark));
  const { organisation } = deps.config;
  const namespace = await findNamespace(query, {
    organisation,
    publicUrl: deps.publicUrl,
    peers: deps.peers,
  });
  if (namespace !== undefined) void reply.header('oci-namespace', namespace.host);
  const target = keep(parsed, organisation, namespace);
  const principal = await authenticate(deps, target, request.headers.authorization);
  return handler(deps, { target, principal, query, request, reply });
}

/**
 * The target by the name that its repository is kept under: our own may be asked for with our organisation before it (design §5), a peer's by the
 * host of its registry in `ns`.
 */
function keep(target: V2Target, organisation: string, namespace: Namespace | undefined): V2Target {
  if ('repository' in target && target.repository !== undefined) {
    const name = namespace === undefined ? target.repository : nameWithin(namespace, target.repository);
    return { ...target, repository: keptName(name, organisation) };
  }
  // What is listed is ours.
  if (namespace === undefined || namespace.organisation === organisation || target.kind === 'ping') {
    return target;
  }
  throw new OciError('NAME_UNKNOWN', 'The registry keeps no list of what the host that "ns" names has.');
}

function findHandler<Kind extends V2Kind>(
  target: Extract<V2Target, { kind: Kind }>,
  method: string,
): Handler<Kind> | undefined {
  const handlers: Partial<Readonly<Record<string, Handler<Kind>>>> = V2_ROUTES[target.kind];
  return handlers[method];
}

/** Whoever began an upload may end it for a day although the token has ended meanwhile (design §3). */
async function authenticate(
  { access, registry }: GatewayDeps,
  target: V2Target,
  authorization: string | undefined,
): Promise<Principal> {
  if (target.kind !== 'upload') return access.authenticate(authorization);
  const { id } = target;
  return access.authenticateForUpload(authorization, async () =>
    isUploadId(id) ? registry.findUploadOwner(id) : undefined,
  );
}
