import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';

import type { BuiltManifest } from '@dockchains/testing';
import { Agent, request } from 'undici';

// As many layers as docker and containers/image take at once, or fewer.
const AT_ONCE = 3;

/** An image by the name that it has at a gateway. */
export interface Pulled {
  readonly url: string;
  readonly repository: string;
  readonly image: BuiltManifest;
}

/** Pulls an image in a way of its own, and gives the milliseconds. */
export interface PullClient {
  readonly name: string;
  readonly pull: (pulled: Pulled) => Promise<number>;
}

/** Who is there to pull: one that costs as little as can be, and skopeo where it is on the path. */
export async function findPullClients(): Promise<readonly PullClient[]> {
  const plain = { name: 'a plain client', pull: pullImage };
  const code = await run('skopeo', ['--version']).catch(() => undefined);
  return code === 0 ? [plain, { name: 'skopeo', pull: pullWithSkopeo }] : [plain];
}

/** Pulls an image by skopeo into a folder: what a user waits for, from the start of the program to its end. */
async function pullWithSkopeo({ url, repository, image }: Pulled): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-pull-'));
  try {
    const source = `docker://${new URL(url).host}/${repository}@${image.descriptor.digest}`;
    const begin = performance.now();
    const options = ['--quiet', '--insecure-policy', '--src-tls-verify=false'];
    const code = await run('skopeo', ['copy', ...options, source, `dir:${join(folder, 'image')}`]);
    if (code !== 0) throw new Error(`skopeo copy ${source} ended with ${code ?? 'a signal'}.`);
    return performance.now() - begin;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function run(program: string, options: readonly string[]): Promise<number | null> {
  const child = spawn(program, options, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

/** Pulls an image as clients do: its manifest, then layers, three at a time, each verified and written to a file. Gives the milliseconds. */
async function pullImage({ url, repository, image }: Pulled): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-pull-'));
  const agent = new Agent({ connections: AT_ONCE });
  try {
    const begin = performance.now();
    const manifest = {
      path: `/v2/${repository}/manifests/${image.descriptor.digest}`,
      digest: image.descriptor.digest,
    };
    await download(agent, { url, ...manifest, file: join(folder, 'manifest') });
    const waiting = image.blobs.map(({ descriptor: { digest } }) => digest).values();
    const work = async (): Promise<void> => {
      for (const digest of waiting) {
        const path = `/v2/${repository}/blobs/${digest}`;
        await download(agent, { url, path, digest, file: join(folder, digest.slice(-12)) });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return performance.now() - begin;
  } finally {
    await agent.close();
    await rm(folder, { recursive: true });
  }
}

async function download(
  dispatcher: Agent,
  { url, path, digest, file }: { url: string; path: string; digest: string; file: string },
): Promise<void> {
  const { statusCode, body } = await request(`${url}${path}`, {
    dispatcher,
    headers: { accept: 'application/vnd.oci.image.manifest.v1+json, */*' },
  });
  if (statusCode !== 200) throw new Error(`GET ${path} answered ${statusCode}.`);
  const hash = createHash('sha256');
  const out = createWriteStream(file);
  for await (const chunk of body as AsyncIterable<Buffer>) {
    hash.update(chunk);
    if (!out.write(chunk)) await once(out, 'drain');
  }
  out.end();
  await finished(out);
  if (`sha256:${hash.digest('hex')}` !== digest) throw new Error(`GET ${path} gave other bytes.`);
}
