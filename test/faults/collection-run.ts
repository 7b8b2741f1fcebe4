import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { openDatabase } from '@dockchains/database';
import { digestOf } from '@dockchains/oci';
import {
  buildImage,
  buildIndex,
  buildLayer,
  type BuiltManifest,
  type Content,
  startGatewayPair,
  type TestGateway,
} from '@dockchains/testing';
import { expect } from 'vitest';

import { seeded } from './seeded.ts';

/** How a run goes: how long, and after how long each time one of the two gateways is killed; undefined for never. */
export interface CollectionOptions {
  readonly leaseSeconds: number;
  readonly durationMs: number;
  readonly killEveryMs?: number;
}

/** What a run did. */
export interface CollectionOutcome {
  readonly acknowledged: number;
  readonly deleted: number;
  readonly pulled: number;
}

type Pushed = { readonly manifest: BuiltManifest; readonly needs: readonly Content[] };

const WORKERS = 4;
const TIMEOUT_MS = 20_000;
const TOKEN_MS = 120_000;
// Layers that all images choose from: what one lets go another may be about to push or mount.
const SHARED = Array.from({ length: 8 }, () => buildLayer());

/** Pushes, mounts, deletes and pulls from several workers while collection runs, and then compares store and database with what has to be there. */
export async function collectUnderLoad(options: CollectionOptions): Promise<CollectionOutcome> {
  const env = { DOCKCHAINS_COLLECTION_LEASE_SECONDS: String(options.leaseSeconds) };
  const pair = await startGatewayPair({ env });
  const until = performance.now() + options.durationMs;
  try {
    const workers = Array.from({ length: WORKERS }, (_, n) => new Worker(n, [pair.first, pair.second]));
    const working = Promise.all(workers.map((worker) => worker.run(until)));
    await killInTurns([pair.second, pair.first], until, options.killEveryMs);
    await working;
    await verifyEnd(pair.first, workers);
    const sum = (count: (worker: Worker) => number) =>
      workers.reduce((all, worker) => all + count(worker), 0);
    return {
      acknowledged: sum(({ acknowledged }) => acknowledged),
      deleted: sum(({ deleted }) => deleted),
      pulled: sum(({ pulled }) => pulled),
    };
  } finally {
    await pair.close();
  }
}

async function killInTurns(
  gateways: readonly TestGateway[],
  until: number,
  everyMs: number | undefined,
): Promise<void> {
  for (let turn = 0; everyMs !== undefined && performance.now() + everyMs < until; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, everyMs)); // the moment is what is random
    const victim = gateways[turn % gateways.length];
    await victim?.kill9();
    await victim?.restart();
  }
}

/** Somebody with a repository of their own, who mounts from the others'. */
class Worker {
  readonly repository: string;
  readonly held = new Map<string, Pushed>();
  acknowledged = 0;
  deleted = 0;
  pulled = 0;
  readonly #number: number;
  readonly #gateways: readonly TestGateway[];
  readonly #random: () => number;
  #tokens = new Map<TestGateway, { text: string; until: number }>();

  constructor(number: number, gateways: readonly TestGateway[]) {
    this.#number = number;
    this.repository = `public/r${number}`;
    this.#gateways = gateways;
    this.#random = seeded(number + 1);
  }

  async run(until: number): Promise<void> {
    while (performance.now() < until) {
      const dice = this.#random();
      if (dice < 0.45) await this.#push(this.#image());
      else if (dice < 0.55) await this.#pushIndex();
      else if (dice < 0.8) await this.#delete();
      else await this.#pull(this.#choose());
    }
  }

  /** Pulls everything that was acknowledged and not deleted. */
  async pullAll(): Promise<void> {
    for (const pushed of this.held.values()) await this.#pull(pushed, false);
  }

  #image(): Pushed {
    const shared = SHARED.filter(() => this.#random() < 0.3);
    const manifest = buildImage({ layers: [buildLayer(), ...shared] });
    return { manifest, needs: manifest.blobs };
  }

  async #pushIndex(): Promise<void> {
    const children = [...this.held.values()].filter(({ needs }) => needs.length > 0).slice(0, 2);
    if (this.#random() < 0.5) {
      // As BuildKit's cache: an index of layers.
      const layers = this.#image().needs;
      const index = buildIndex(layers.map((layer) => ({ ...layer, blobs: [], manifests: [] })));
      await this.#push({ manifest: index, needs: layers });
    } else if (children.length > 0) {
      await this.#push({ manifest: buildIndex(children.map(({ manifest }) => manifest)), needs: [] });
    }
  }

  async #push(pushed: Pushed): Promise<void> {
    const { digest, mediaType } = pushed.manifest.descriptor;
    for (const blob of pushed.needs) if (!(await this.#sendBlob(blob))) return;
    const answer = await this.#call(`manifests/${digest}?tag=t${this.acknowledged % 20}`, 'PUT', {
      body: pushed.manifest.bytes,
      type: mediaType,
    });
    if (answer?.status !== 201) return;
    this.held.set(digest, pushed);
    this.acknowledged += 1;
  }

  async #sendBlob({ descriptor: { digest }, bytes }: Content): Promise<boolean> {
    const dice = this.#random();
    if (dice < 0.5 && (await this.#call(`blobs/${digest}`, 'HEAD'))?.status === 200) return true;
    if (dice < 0.75) {
      const from = `public/r${Math.floor(this.#random() * WORKERS)}`;
      const mounted = await this.#call(`blobs/uploads/?mount=${digest}&from=${from}`, 'POST');
      if (mounted?.status === 201) return true;
    }
    const type = 'application/octet-stream';
    return (
      (await this.#call(`blobs/uploads/?digest=${digest}`, 'POST', { body: bytes, type }))?.status === 201
    );
  }

  async #delete(): Promise<void> {
    const pushed = this.#choose();
    if (pushed === undefined) return;
    const { digest } = pushed.manifest.descriptor;
    // Indexes go before what they hold: a child that is deleted leaves an index that can't be pulled whole.
    const isHeld = [...this.held.values()].some(({ manifest }) =>
      manifest.manifests.some((child) => child.descriptor.digest === digest && manifest !== pushed.manifest),
    );
    if (isHeld) return;
    this.held.delete(digest); // from now on it may be gone
    await this.#call(`manifests/${digest}`, 'DELETE');
    this.deleted += 1;
  }

  async #pull(pushed: Pushed | undefined, mayFail = true): Promise<void> {
    if (pushed === undefined) return;
    const { digest } = pushed.manifest.descriptor;
    const wanted = [
      `manifests/${digest}`,
      ...pushed.needs.map(({ descriptor }) => `blobs/${descriptor.digest}`),
    ];
    for (const path of wanted) {
      const answer = await this.#call(path, 'GET');
      // No answer, or 503, is what a killed gateway gives; any other must be the bytes.
      if (mayFail && (answer === undefined || answer.status === 503)) return;
      expect(answer?.status, `${this.repository} ${path}`).toBe(200);
      expect(path.endsWith(digestOf(answer?.body ?? Buffer.alloc(0)))).toBe(true);
    }
    this.pulled += 1;
  }

  #choose(): Pushed | undefined {
    return [...this.held.values()][Math.floor(this.#random() * this.held.size)];
  }

  async #call(
    path: string,
    method: string,
    { body, type }: { body?: Buffer; type?: string } = {},
  ): Promise<{ status: number; body: Buffer } | undefined> {
    const gateway = this.#gateways[Math.floor(this.#random() * this.#gateways.length)];
    if (gateway === undefined) return undefined;
    try {
      const response = await fetch(`${gateway.url}/v2/${this.repository}/${path}`, {
        method,
        headers: {
          authorization: `Bearer ${await this.#token(gateway)}`,
          ...(type !== undefined && { 'content-type': type }),
        },
        ...(body !== undefined && { body: new Uint8Array(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
    } catch {
      return undefined;
    }
  }

  async #token(gateway: TestGateway): Promise<string> {
    const known = this.#tokens.get(gateway);
    if (known !== undefined && known.until > Date.now()) return known.text;
    const others = Array.from({ length: WORKERS }, (_, n) => n).filter((n) => n !== this.#number);
    const text = await gateway.token(
      gateway.publisher,
      `repository:${this.repository}:pull,push,delete`,
      ...others.map((n) => `repository:public/r${n}:pull`),
    );
    this.#tokens.set(gateway, { text, until: Date.now() + TOKEN_MS });
    return text;
  }
}

/** Everything acknowledged pulls; and once the last leases are over, rows and files are what the manifests need, no more and no less. */
async function verifyEnd(gateway: TestGateway, workers: readonly Worker[]): Promise<void> {
  const database = openDatabase(gateway.databaseUrl);
  const digestsOf = async (name: string, text: string): Promise<string[]> =>
    (await database.query<{ digest: string }>({ name: `test-${name}`, text })).map(({ digest }) => digest);
  try {
    await expect
      .poll(() => digestsOf('rest', 'SELECT digest FROM blob_lease UNION SELECT digest FROM blob_removal'), {
        timeout: 120_000,
        interval: 200,
      })
      .toEqual([]);
    for (const worker of workers) await worker.pullAll();
    // Marked by what was pushed, not by the rows that collection goes by; those serve where an answer was lost.
    const manifests = new Set(await digestsOf('manifests', 'SELECT digest FROM manifest'));
    const needed = new Set(manifests);
    const known = new Map(workers.flatMap(({ held }) => [...held.entries()]));
    for (const digest of manifests) {
      for (const need of known.get(digest)?.needs ?? []) needed.add(need.descriptor.digest);
    }
    expect([...known.keys()].every((digest) => manifests.has(digest))).toBe(true);
    const unknown = [...manifests].filter((digest) => !known.has(digest));
    for (const digest of unknown) {
      for (const need of await digestsOf(
        `needs-${digest.slice(7, 47)}`,
        // A child may have been deleted after the deletion of its index got no answer.
        `SELECT f.digest FROM manifest_reference f JOIN repository_blob USING (repository_id, digest)
         WHERE manifest_digest = '${digest}'`,
      )) {
        needed.add(need);
      }
    }
    const rows = await digestsOf('blobs', 'SELECT digest FROM blob');
    expect(rows.toSorted()).toEqual([...needed].toSorted());
    expect((await listFiles(gateway.dataDir)).toSorted()).toEqual([...needed].toSorted());
    expect(await readdir(join(gateway.dataDir, 'blobs', 'removed'))).toEqual([]);
  } finally {
    await database.close();
  }
}

async function listFiles(dataDir: string): Promise<string[]> {
  const root = join(dataDir, 'blobs', 'blobs', 'sha256');
  const folders = await readdir(root);
  const names = await Promise.all(folders.map((folder) => readdir(join(root, folder))));
  return names.flat().map((name) => `sha256:${name}`);
}
