import { type Manifest, OciError } from '@dockchains/oci';

/**
 * Refuses texts that PostgreSQL can't hold: NUL, and halves of surrogate pairs.
 * @throws OciError MANIFEST_INVALID
 */
export function requireStorable({ annotations = {}, artifactType = '' }: Manifest): void {
  const texts = [artifactType, ...Object.entries(annotations).flat()];
  if (texts.every((text) => text.isWellFormed() && !text.includes('\0'))) return;
  throw new OciError(
    'MANIFEST_INVALID',
    'An annotation or the artifact type holds U+0000 or half of a surrogate pair.',
  );
}
