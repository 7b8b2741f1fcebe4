import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { digestAlgorithm, digestHex } from '@dockchains/oci';
import type { BuiltManifest } from '@dockchains/testing';

/** Writes what was built as an OCI layout with one reference name (image-spec, Image Layout). */
export async function writeOciLayout(folder: string, built: BuiltManifest, name: string): Promise<void> {
  for (const { descriptor, bytes } of [...built.blobs, ...built.manifests]) {
    const path = join(folder, 'blobs', digestAlgorithm(descriptor.digest), digestHex(descriptor.digest));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
  const annotations = { 'org.opencontainers.image.ref.name': name };
  const index = { schemaVersion: 2, manifests: [{ ...built.descriptor, annotations }] };
  await writeFile(join(folder, 'index.json'), JSON.stringify(index));
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
}

/** Writes an image as skopeo's `dir:` has it: the manifest, and config and layers by their hexadecimal digests. */
export async function writeImageFolder(folder: string, built: BuiltManifest): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'version'), 'Directory Transport Version: 1.1\n');
  await writeFile(join(folder, 'manifest.json'), built.bytes);
  for (const { descriptor, bytes } of built.blobs) {
    await writeFile(join(folder, digestHex(descriptor.digest)), bytes);
  }
}

/** Reads every file below a folder, by its path in it. */
export async function readFolder(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = paths.sort().map(async (path): Promise<[string, Buffer]> => {
    return [path.slice(folder.length + 1), await readFile(path)];
  });
  return new Map(await Promise.all(files));
}
