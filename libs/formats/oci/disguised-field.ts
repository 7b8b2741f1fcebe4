// Of manifests and indexes, descriptors and platforms (image-spec 1.1).
const FIELDS = [
  ...[
    'schemaVersion',
    'mediaType',
    'artifactType',
    'config',
    'layers',
    'manifests',
    'subject',
    'annotations',
  ],
  ...['digest', 'size', 'urls', 'data', 'platform'],
  ...['architecture', 'os', 'os.version', 'os.features', 'variant', 'features'],
];
const KNOWN: ReadonlySet<string> = new Set(FIELDS);
const FOLDED: ReadonlySet<string> = new Set(FIELDS.map(fold));

/**
 * Finds a member's name that is a field's but for its case, in a manifest, its descriptors or their platforms. Clients written in Go read it
 * as the field (encoding/json matches names without regard to case), and we would not.
 */
export function findDisguisedField(manifest: object): string | undefined {
  const { config, subject, layers, manifests } = { ...manifest } as Record<string, unknown>;
  return (
    findIn(manifest) ??
    [config, subject, layers, manifests]
      .flat()
      .flatMap((descriptor) => [descriptor, platformOf(descriptor)])
      .map(findIn)
      .find((name) => name !== undefined)
  );
}

function findIn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.keys(value).find((name) => !KNOWN.has(name) && FOLDED.has(fold(name)));
}

function platformOf(descriptor: unknown): unknown {
  return typeof descriptor === 'object' && descriptor !== null && 'platform' in descriptor
    ? descriptor.platform
    : undefined;
}

/** Both ways, so that the long s and the Kelvin sign are letters like those that they stand for. */
function fold(name: string): string {
  return name.toUpperCase().toLowerCase();
}
