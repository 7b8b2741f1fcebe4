import { ClientError } from '@dockchains/client';
import { type BlobStore, BlobStoreError, type BlobRange, type OpenBlob } from '@dockchains/blobs';
import { type Digest, digestAlgorithm, OciError } from '@dockchains/oci';

import { FederationError } from '../errors.ts';
import { isAbsence, openBlobAt } from './fetch-manifest.ts';
import type { Holder } from './holders.ts';

/** What one fetch needs: where the bytes go, who may have them, and what makes them a blob of the mirror. */
export interface BlobFetchDeps {
  readonly blobs: Pick<BlobStore, 'createUpload' | 'appendUpload' | 'cancelUpload' | 'openUpload' | 'open'>;
  /** Own organisation's name. */
  readonly via: string;
  readonly uploadId: string;
  readonly holders: readonly Holder[];
  readonly avoid: (holder: Holder) => void;
  readonly commit: (uploadId: string) => Promise<void>;
}

// Nobody gets a whole blob before its digest was found right.
const WITHHELD_BYTES = 4096;

/**
 * A blob on its way from a peer to this store, and to whoever asked for it meanwhile: each reads behind the writer, so that the first pull costs hardly more than one
 * from the origin, and any number of them one fetch. The last bytes are withheld until the digest was found right. A peer that breaks off is followed by
 * the next from where it stopped; one that gave other bytes is dropped, and all begins again without it.
 */
export class BlobFetch {
  readonly digest: Digest;
  readonly size: number;
  readonly #deps: BlobFetchDeps;
  /** Settles when the blob is in the store, or can't be had. */
  readonly done: Promise<void>;
  #written = 0;
  #attempt = 0;
  #ended = false;
  #failure: Error | undefined;
  #progress = Promise.withResolvers<undefined>();

  constructor(blob: { readonly digest: Digest; readonly size: number }, deps: BlobFetchDeps) {
    this.digest = blob.digest;
    this.size = blob.size;
    this.#deps = deps;
    this.done = this.#run().then(
      () => {
        this.#ended = true;
        this.#tell();
      },
      (error: unknown) => {
        this.#failure = error instanceof Error ? error : new Error(String(error));
        this.#ended = true;
        this.#tell();
        throw error;
      },
    );
    this.done.catch(() => undefined); // readers hear of it by their own wait
  }

  /**
   * Opens a range for one reader: one to the end as soon as its first byte is there, since its last are withheld; another when the digest was found
   * right. @throws what the fetch failed with
   */
  async open(range: BlobRange): Promise<OpenBlob> {
    if (range.end < this.size - 1) await this.done;
    const attempt = await this.#until(range.start);
    return {
      sendTo: async (sink) => {
        let at = range.start;
        while (at <= range.end) {
          if ((await this.#until(at)) !== attempt) throw changed();
          const end = Math.min(range.end, this.#readable() - 1);
          await using part = await this.#openPart({ start: at, end });
          if (!(await part.sendTo(sink))) return false;
          at = end + 1;
        }
        return true;
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  /** Waits until the byte at `offset` may be read; gives the attempt that it is of. */
  async #until(offset: number): Promise<number> {
    while (!this.#ended && this.#readable() <= offset) await this.#progress.promise;
    if (this.#failure !== undefined) throw this.#failure;
    return this.#attempt;
  }

  #readable(): number {
    return this.#ended ? this.size : Math.min(this.#written, this.size - WITHHELD_BYTES);
  }

  async #openPart(range: BlobRange): Promise<OpenBlob> {
    const { blobs, uploadId } = this.#deps;
    try {
      return await blobs.openUpload(uploadId, range);
    } catch (error) {
      if (!(error instanceof BlobStoreError) || error.code !== 'UPLOAD_UNKNOWN') throw error;
      return blobs.open(this.digest, range); // committed meanwhile
    }
  }

  #tell(): void {
    this.#progress.resolve(undefined);
    this.#progress = Promise.withResolvers();
  }

  async #run(): Promise<void> {
    const { blobs, uploadId } = this.#deps;
    await blobs.createUpload(uploadId, digestAlgorithm(this.digest));
    try {
      await this.#fetch();
    } catch (error) {
      await blobs.cancelUpload(uploadId).catch(() => false); // the sweep gets it
      throw error;
    }
  }

  async #fetch(): Promise<void> {
    let failure: FederationError | undefined;
    const plans: (readonly Holder[])[] = [this.#deps.holders];
    for (let plan = plans.shift(); plan !== undefined; plan = plans.shift()) {
      try {
        const givers = await this.#gather(plan);
        if (await this.#isRight()) return;
        for (const giver of givers) this.#deps.avoid(giver);
        // Who gave all of it alone gave wrong bytes. Where several did, each is asked for all of it next.
        const [liar, ...more] = givers;
        if (more.length > 0) plans.push(...plan.map((holder) => [holder]));
        else plans.push(plan.filter((holder) => holder !== liar));
        failure = new FederationError('PEER_REFUSED', 'No peer gives the bytes of the blob’s digest.');
      } catch (error) {
        if (!(error instanceof FederationError)) throw error;
        failure = error;
      }
      this.#attempt += 1;
      this.#written = 0;
    }
    throw failure ?? nobody();
  }

  /**
   * Writes all bytes, from as many holders as it takes; gives those that any came from.
   * @throws FederationError PEER_UNREACHABLE if they don't have them all
   */
  async #gather(holders: readonly Holder[]): Promise<readonly Holder[]> {
    const givers: Holder[] = [];
    let failure: unknown;
    for (const holder of holders) {
      const before = this.#written;
      try {
        await this.#take(holder);
        if (this.#written < this.size) this.#deps.avoid(holder);
      } catch (error) {
        failure = sourceFailure(error);
        if (!(failure instanceof ClientError && isAbsence(failure))) this.#deps.avoid(holder);
      }
      if (this.#written > before || this.size === 0) givers.push(holder);
      if (this.#written === this.size) return givers;
    }
    throw new FederationError(
      'PEER_UNREACHABLE',
      'The blob’s origin can’t be reached now, and no other peer has all of it: try again later.',
      { cause: failure },
    );
  }

  async #take(holder: Holder): Promise<void> {
    const { blobs, uploadId, via } = this.#deps;
    const start = this.#written;
    const { status, body } = await openBlobAt(holder, { digest: this.digest, start, via });
    if (start > 0 && status !== 206) {
      body.destroy();
      throw new FederationError('PEER_REFUSED', 'A peer ignored the range.');
    }
    const reach = (received: number): void => {
      this.#written = start + received;
      this.#tell();
    };
    try {
      const { received } = await blobs.appendUpload(uploadId, start, body, {
        maxBytes: this.size - start,
        onReadable: reach,
      });
      reach(received);
    } catch (error) {
      if (!(error instanceof BlobStoreError)) throw error;
      // Of a source that failed the store keeps what came before; of one that gave too much it keeps nothing, and who has read of it begins anew.
      if (error.code !== 'SOURCE_FAILED') this.#attempt += 1;
      reach(error.received);
      throw error;
    } finally {
      body.destroy();
    }
  }

  async #isRight(): Promise<boolean> {
    try {
      await this.#deps.commit(this.#deps.uploadId);
      return true;
    } catch (error) {
      if (error instanceof OciError && error.code === 'DIGEST_INVALID') return false;
      throw error;
    }
  }
}

function nobody(): FederationError {
  return new FederationError('PEER_UNREACHABLE', 'There is no peer to ask for the blob.');
}

function changed(): FederationError {
  return new FederationError('PEER_REFUSED', 'A peer gave other bytes than the digest’s: ask again.');
}

/** What a holder did wrong; what the store could not do is not his. @throws BlobStoreError */
function sourceFailure(error: unknown): unknown {
  if (!(error instanceof BlobStoreError)) return error;
  if (error.code === 'SOURCE_FAILED') return error.cause;
  if (error.code === 'TOO_LARGE') return error;
  throw error;
}
