export {
  type AppendOptions,
  type BlobRange,
  type BlobStore,
  type ByteSource,
  type OpenBlob,
  type SetAside,
  type ShortSource,
  type UploadInfo,
} from './blob-store.ts';
export { BlobStoreError, type BlobStoreErrorCode } from './errors.ts';
export { openFileBlobStore } from './file-blob-store.ts';
export { openFileTileStore } from './file-tile-store.ts';
export { writeTo } from './open-blob.ts';
export { type TileStore } from './tile-store.ts';
