export type { RegistryOptions } from './deps.ts';
export type { ResolvedManifest } from './find-by-digest.ts';
export type { RepositorySummary } from './list-repositories.ts';
export type { TagEvent } from './list-tag-history.ts';
export type { TagSummary } from './list-tags.ts';
export type { Page } from './page.ts';
export { createRegistry, type Registry } from './registry.ts';
export { openReplay, type ReplayRecord } from './replay-record.ts';
export { isUploadId } from './uploads.ts';
