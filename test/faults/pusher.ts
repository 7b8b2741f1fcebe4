import { setTimeout as after } from 'node:timers/promises';

import { buildImage, type BuiltManifest } from '@dockchains/testing';

import type { Gate } from './gate.ts';

/** A push that the gateway has answered with 201. */
export interface AcknowledgedPush {
  readonly repository: string;
  readonly tag: string;
  readonly image: BuiltManifest;
  readonly recordId: string;
  readonly receipt: string;
}

/** Where and as whom to push. `url` is asked for each request: a restarted gateway may listen elsewhere. */
export interface PushTarget {
  readonly url: () => string;
  readonly token: (repository: string) => Promise<string>;
}

const TOKEN_REUSE_MS = 120_000;
const REQUEST_TIMEOUT_MS = 20_000;

/** Pushes small images from several workers until stopped, and remembers which were acknowledged. */
export class Pusher {
  readonly acknowledged: AcknowledgedPush[] = [];
  /** What went wrong, by status or error name: kills make failures, these must be of kinds one expects. */
  readonly failures = new Map<string, number>();
  /** Failures of the gateway's own that don't say what happened and when to come again. */
  readonly unclear: string[] = [];
  readonly #target: PushTarget;
  readonly #gate: Pick<Gate, 'passed'>;
  readonly #paceMs: number;
  readonly #workers: Promise<void>[] = [];
  #stopped = false;

  /** A push that failed is followed by another when the gate is passed, one that succeeded when `paceMs` are over. */
  constructor(target: PushTarget, gate: Pick<Gate, 'passed'>, { paceMs = 0 } = {}) {
    this.#target = target;
    this.#gate = gate;
    this.#paceMs = paceMs;
  }

  start(workers: number): void {
    for (let worker = 0; worker < workers; worker += 1) this.#workers.push(this.#run(`public/app${worker}`));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }

  async #run(repository: string): Promise<void> {
    let token: { text: string; until: number } | undefined;
    for (let count = 0; !this.#stopped; count += 1) {
      try {
        if (token === undefined || token.until < Date.now()) {
          token = { text: await this.#target.token(repository), until: Date.now() + TOKEN_REUSE_MS };
        }
        this.acknowledged.push(await pushImage(this.#target.url(), token.text, repository, `t${count}`));
        if (this.#paceMs > 0) await after(this.#paceMs);
      } catch (error) {
        const kind = error instanceof PushFailure ? `status ${error.status}` : String(error).slice(0, 60);
        this.failures.set(kind, (this.failures.get(kind) ?? 0) + 1);
        if (error instanceof PushFailure && !isClear(error)) this.unclear.push(error.message);
        // Who is refused asks for another token, as clients do: the gateway's clock may be another now.
        if (error instanceof PushFailure && error.status === 401) token = undefined;
        await this.#gate.passed();
      }
    }
  }
}

/** A push that was answered with something else than success. */
export class PushFailure extends Error {
  readonly status: number;
  readonly body: string;
  readonly retryAfter: string | null;

  constructor(what: string, status: number, body: string, retryAfter: string | null) {
    super(`${what} was answered ${status}: ${body.slice(0, 300)}`);
    this.status = status;
    this.body = body;
    this.retryAfter = retryAfter;
  }
}

/** Whether an answer says in a sentence what the gateway lacks, and when to come again; what others are to blame for says something else. */
function isClear({ status, body, retryAfter }: PushFailure): boolean {
  if (status < 500) return true;
  return [503, 507].includes(status) && Number(retryAfter) > 0 && /"message":"[^"]{20,}"/.test(body);
}

/** Pushes a new small image under a tag, as a client would. @throws PushFailure */
export async function pushImage(
  url: string,
  token: string,
  repository: string,
  tag: string,
  image: BuiltManifest = buildImage(),
): Promise<AcknowledgedPush> {
  for (const { descriptor, bytes } of image.blobs) {
    await send(`${url}/v2/${repository}/blobs/uploads/?digest=${descriptor.digest}`, 'POST', token, bytes, {
      'content-type': 'application/octet-stream',
    });
  }
  const answer = await send(`${url}/v2/${repository}/manifests/${tag}`, 'PUT', token, image.bytes, {
    'content-type': image.descriptor.mediaType,
  });
  return {
    repository,
    tag,
    image,
    recordId: answer.headers.get('dockchains-record') ?? '',
    receipt: answer.headers.get('dockchains-receipt') ?? '',
  };
}

const send = async (
  url: string,
  method: string,
  token: string,
  body: Buffer,
  headers: Record<string, string>,
): Promise<Response> => {
  const answer = await fetch(url, {
    method,
    body: new Uint8Array(body),
    headers: { ...headers, authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const text = await answer.text();
  if (answer.status === 201) return answer;
  throw new PushFailure(
    `${method} ${new URL(url).pathname}`,
    answer.status,
    text,
    answer.headers.get('retry-after'),
  );
};
