import { OciError } from '@dockchains/oci';

import type { ManifestPosition } from './collect-untagged.ts';
import type { LeasePosition } from './preview-collection.ts';

/**
 * Where a collection stands between two steps: in its scan for manifests that no tag reaches, which has to begin anew if it
 * deleted one, or among the leases that are over.
 */
export type CollectionCursor =
  | ({ readonly kind: 'manifest'; readonly again: boolean } & ManifestPosition)
  | ({ readonly kind: 'lease' } & LeasePosition);

/** Where the scan for manifests begins. */
export const FIRST_MANIFEST = { kind: 'manifest', repositoryId: 0, digest: '', again: false } as const;

/** Where the leases that are over begin. */
export const FIRST_LEASE = { kind: 'lease', until: '-infinity', repositoryId: 0, digest: '' } as const;

const PATTERN =
  /^(manifest|lease) (\d{1,10}) ((?:[a-z0-9]+:[0-9a-f]{1,128})?) (again|once|-infinity|[0-9 :.+-]{10,40})$/;

/** Gives a cursor as text, base64url. */
export function encodeCursor(cursor: CollectionCursor): string {
  const rest = cursor.kind === 'lease' ? cursor.until : cursor.again ? 'again' : 'once';
  return Buffer.from(`${cursor.kind} ${cursor.repositoryId} ${cursor.digest} ${rest}`).toString('base64url');
}

/**
 * Parses a cursor.
 * @throws OciError UNSUPPORTED with status 400 if it is none of ours
 */
export function parseCursor(text: string): CollectionCursor {
  const [, kind, id, digest = '', rest = ''] = PATTERN.exec(Buffer.from(text, 'base64url').toString()) ?? [];
  const repositoryId = Number(id);
  const isFlag = rest === 'again' || rest === 'once';
  if (kind === 'manifest' && isFlag) return { kind, repositoryId, digest, again: rest === 'again' };
  if (kind === 'lease' && !isFlag) return { kind, repositoryId, digest, until: rest };
  throw new OciError('UNSUPPORTED', 'The cursor is none that a collection gave: begin anew without one.', {
    status: 400,
  });
}
