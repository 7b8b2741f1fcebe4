import { parseTilePath, TlogError } from '@dockchains/tlog';

import type { MirrorFiles } from './mirror-files.ts';

/** A file of a mirror: `isFinal` if it never changes, as tiles and bundles never do. */
export type MirrorFile = { readonly bytes: Buffer; readonly isFinal: boolean };

/** Reads a file by its path below the mirror's URL; undefined if it is not held, or the path is none (C2SP tlog-tiles, tlog-mirror). */
export async function readMirrorPath(files: MirrorFiles, path: string): Promise<MirrorFile | undefined> {
  if (path === 'checkpoint' || path === 'signed' || path === 'pending') {
    const note = await files[path]();
    return note === undefined ? undefined : { bytes: Buffer.from(note), isFinal: false };
  }
  const bytes = await readTilePath(files, path);
  if (bytes === undefined) return undefined;
  return { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), isFinal: true };
}

function readTilePath(files: MirrorFiles, path: string): Promise<Uint8Array | undefined> {
  try {
    const parsed = parseTilePath(path);
    return parsed.kind === 'entries' ? files.bundle(parsed) : files.tile(parsed);
  } catch (error) {
    if (error instanceof TlogError) return Promise.resolve(undefined);
    throw error;
  }
}
