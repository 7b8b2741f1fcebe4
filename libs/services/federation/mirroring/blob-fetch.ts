import type { Writable } from 'node:stream';

import { ClientError } from '@dockchains/client';
import { type BlobStore, BlobStoreError, type BlobRange, type OpenBlob, writeTo } from '@dockchains/blobs';
import { type Digest, digestAlgorithm, digestHex, OciError } from '@dockchains/oci';

import { FederationError } from '../errors.ts';
import { isAbsence, openBlobAt } from './fetch-manifest.ts';
import type { Holder } from './holders.ts';
import { type PartsBudget, RecentParts } from './recent-parts.ts';

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
// Of all fetches of a process.
const BUDGET: PartsBudget = { leftBytes: 32 << 20 };
// For readers that are about to have the last parts; who is not reads the file.
const KEPT_AFTER_MS = 1_000;

/**
 * A blob on its way from a peer to this store, and to whoever asked for it meanwhile: who keeps up is given the bytes from memory as they come, who does not reads them
 * behind the writer, so that the first pull costs hardly more than one from the origin, and any number of them one fetch. The last bytes are withheld until the
 * digest was found right, which is before they are durable. A peer that breaks off is followed by the next from where it stopped; one that gave other bytes is
 * dropped, and all begins again without it.
 */
export class BlobFetch {
  readonly digest: Digest;
  readonly size: number;
  readonly #deps: BlobFetchDeps;
  /** Settles when the blob is in the store, or can't be had. */
  readonly done: Promise<void>;
  readonly #recent = new RecentParts(BUDGET);
  /** How many bytes have come, and how many of them the upload's file gives. */
  #received = 0;
  #written = 0;
  #attempt = 0;
  #isRight = false;
  #ended = false;
  #failure: Error | undefined;
  #created: Promise<void> | undefined;
  #progress = Promise.withResolvers<undefined>();

  constructor(blob: { readonly digest: Digest; readonly size: number }, deps: BlobFetchDeps) {
    this.digest = blob.digest;
    this.size = blob.size;
    this.#deps = deps;
    this.done = this.#run().then(
      () => {
        this.#found();
        this.#end();
      },
      (error: unknown) => {
        this.#failure = error instanceof Error ? error : new Error(String(error));
        this.#end();
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
    const reader = this.#recent.join(range.start);
    const leave = this.#recent.leave.bind(this.#recent, reader);
    try {
      const isWhole = range.end === this.size - 1;
      await this.#until(() => (isWhole || this.#isRight) && this.#isReadable(range.start));
    } catch (error) {
      leave();
      throw error;
    }
    const attempt = this.#attempt;
    const hasChanged = (): boolean => this.#attempt !== attempt;
    return {
      sendTo: async (sink) => {
        while (reader.at <= range.end) {
          await this.#until(() => hasChanged() || this.#isReadable(reader.at));
          if (hasChanged()) throw changed();
          const sent = await this.#sendSome(sink, { start: reader.at, end: range.end });
          if (sent === undefined) return false;
          this.#recent.move(reader, reader.at + sent);
        }
        return true;
      },
      [Symbol.asyncDispose]: () => {
        leave();
        return Promise.resolve();
      },
    };
  }

  /** Sends the first bytes of a range, as far as they may be read now, and gives how many; undefined if the sink closed. */
  async #sendSome(sink: Writable, { start, end }: BlobRange): Promise<number | undefined> {
    const last = Math.min(end, this.#passable() - 1);
    if (last < start) return 0;
    const part = this.#recent.find(start);
    if (part !== undefined) {
      const bytes = part.bytes.subarray(start - part.start, last + 1 - part.start);
      // A sink that closed may still hold them: they are left to the collector.
      if (!(await writeTo(sink, bytes))) return undefined;
      part.release();
      return bytes.length;
    }
    const range = { start, end: Math.min(last, this.#written - 1, this.#recent.nextStart(start) - 1) };
    if (range.end < start) return 0; // what was in memory a moment ago is not yet in the file
    await using opened = await this.#openPart(range);
    return (await opened.sendTo(sink)) ? range.end + 1 - start : undefined;
  }

  #isReadable(offset: number): boolean {
    return offset < this.#passable() && (offset < this.#written || this.#recent.has(offset));
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!this.#ended && !isSo()) await this.#progress.promise;
    if (this.#failure !== undefined && !isSo()) throw this.#failure;
  }

  /** How many of the first bytes readers may have. */
  #passable(): number {
    return this.#isRight ? this.size : Math.min(this.#received, this.size - WITHHELD_BYTES);
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

  /** All has come and is what was asked for. */
  #found(): void {
    this.#isRight = true;
    this.#received = this.size;
    this.#tell();
  }

  #end(): void {
    this.#ended = true;
    if (this.#failure === undefined) this.#written = this.size;
    setTimeout(() => {
      this.#recent.clear();
    }, KEPT_AFTER_MS).unref();
    this.#tell();
  }

  #tell(): void {
    this.#progress.resolve(undefined);
    this.#progress = Promise.withResolvers();
  }

  async #run(): Promise<void> {
    const { blobs, uploadId } = this.#deps;
    this.#created = blobs.createUpload(uploadId, digestAlgorithm(this.digest));
    this.#created.catch(() => undefined); // it is awaited where there is something to write
    try {
      await this.#fetch();
    } catch (error) {
      await this.#created.then(() => blobs.cancelUpload(uploadId)).catch(() => false); // the sweep gets it
      throw error;
    }
  }

  async #fetch(): Promise<void> {
    let failure: FederationError | undefined;
    const plans: (readonly Holder[])[] = [this.#deps.holders];
    for (let plan = plans.shift(); plan !== undefined; plan = plans.shift()) {
      if (failure !== undefined) {
        this.#attempt += 1;
        this.#reach(0);
      }
      try {
        const givers = await this.#gather(plan);
        if (await this.#commit()) return;
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
    }
    throw failure ?? new FederationError('PEER_UNREACHABLE', 'There is no peer to ask for the blob.');
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
    try {
      await this.#created;
      const { received } = await blobs.appendUpload(uploadId, start, body, {
        maxBytes: this.size - start,
        onReceived: (bytes, from) => this.#receive(bytes, from),
        onReadable: (received) => {
          this.#written = start + received;
          this.#tell();
        },
        onHashed: (hex) => {
          if (this.#received === this.size && hex === digestHex(this.digest)) this.#found();
        },
      });
      this.#reach(start + received);
    } catch (error) {
      if (!(error instanceof BlobStoreError)) throw error;
      // Of a source that failed the store keeps what came before; of one that gave too much it keeps nothing, and who has read of it begins anew.
      if (error.code !== 'SOURCE_FAILED') this.#attempt += 1;
      this.#reach(start + error.received);
      throw error;
    } finally {
      body.destroy(); // of one that is at its end the connection stays
    }
  }

  #receive(bytes: Buffer, start: number): Promise<void> | undefined {
    this.#received = start + bytes.length;
    const used = this.#recent.add(bytes, start);
    if (used !== undefined) this.#tell();
    return used;
  }

  /** Takes note that the upload's file has so many bytes now, and that there are no others. */
  #reach(size: number): void {
    if (size < this.#received) this.#recent.clear();
    this.#received = size;
    this.#written = size;
    this.#tell();
  }

  async #commit(): Promise<boolean> {
    try {
      await this.#deps.commit(this.#deps.uploadId);
      return true;
    } catch (error) {
      if (error instanceof OciError && error.code === 'DIGEST_INVALID') return false;
      throw error;
    }
  }
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
