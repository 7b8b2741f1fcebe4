import { OciError, type RepositoryName } from '@dockchains/oci';

import type { GatewayDeps } from '../../deps.ts';
import type { Exchange } from './exchange.ts';

/**
 * The headers that tell a client where its upload goes on. The path needs no other parameter: the session knows the rest.
 * For an empty upload the range is `0-0`, as clients expect.
 */
export function uploadHeaders(
  repository: RepositoryName,
  id: string,
  received: number,
): Record<string, string> {
  return {
    location: `/v2/${repository}/blobs/uploads/${id}`,
    range: `0-${Math.max(0, received - 1)}`,
    'docker-upload-uuid': id,
  };
}

/** Runs an operation on an upload; a 416 tells where the upload stands, and the session goes on. */
export async function withRangeOnConflict<T>(
  { registry }: GatewayDeps,
  { principal, target, reply }: Exchange<'upload'>,
  operation: () => Promise<T>,
): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof OciError && error.status === 416) {
      const { repository, id } = target;
      const { received } = await registry.getUpload({ principal, repository, id });
      void reply.headers(uploadHeaders(repository, id, received));
    }
    throw error;
  }
}
