import { type Digest, type ManifestReference, OciError, type RepositoryName } from '@dockchains/oci';

/** The answer for a repository that is not there; the same words hide one that the caller may not see. */
export function nameUnknown(repository: RepositoryName): OciError {
  return new OciError('NAME_UNKNOWN', 'The registry has no repository of this name.', {
    detail: { name: repository },
  });
}

/** The answer for a tag or digest that names no manifest of the repository. */
export function manifestUnknown(reference: ManifestReference): OciError {
  return new OciError('MANIFEST_UNKNOWN', 'The repository has no manifest of this tag or digest.', {
    detail: reference.kind === 'tag' ? { tag: reference.tag } : { digest: reference.digest },
  });
}

/** The answer for a digest that names no blob of the repository. */
export function blobUnknown(digest: Digest): OciError {
  return new OciError('BLOB_UNKNOWN', 'The repository has no blob of this digest.', { detail: { digest } });
}

/** The answer for an upload that is not there, is another's, or has expired. */
export function uploadUnknown(): OciError {
  return new OciError(
    'BLOB_UPLOAD_UNKNOWN',
    'The registry has no such upload under way; it may have ended or expired. Begin another.',
  );
}
