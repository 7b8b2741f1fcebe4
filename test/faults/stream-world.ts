import { startFederation, type TestOrganisation } from '@dockchains/testing';
import { expect, vi } from 'vitest';

import { type Insider, openInsider, type StoredMessage } from './insider.ts';
import { fetchBytes } from './observer.ts';
import { askOperator, awaitAgreement, pushTags } from './pair.ts';
import type { AcknowledgedPush } from './pusher.ts';
import { awaitPublished } from './verify.ts';

/** A message that globex gave up on. */
export type Letter = { readonly id: string; readonly reason: string; readonly subject: string };

type ConsumerInfo = {
  readonly error?: object;
  readonly num_pending?: number;
  readonly num_ack_pending?: number;
  readonly delivered?: { readonly consumer_seq: number };
};

/** How long is waited for what happens by itself. */
export const WAIT = { timeout: 60_000, interval: 50 };

/** Three organisations, of which acme publishes, globex is watched, and initech cosigns what is published while globex is away. */
export class StreamWorld implements AsyncDisposable {
  readonly acme: TestOrganisation;
  readonly globex: TestOrganisation;
  readonly pushed: AcknowledgedPush[] = [];
  readonly #end: () => Promise<void>;
  #insider: Insider;

  private constructor(
    acme: TestOrganisation,
    globex: TestOrganisation,
    more: { readonly insider: Insider; readonly end: () => Promise<void> },
  ) {
    this.acme = acme;
    this.globex = globex;
    this.#insider = more.insider;
    this.#end = more.end;
  }

  /** Starts it; the first pushes have arrived. */
  static async open(): Promise<StreamWorld> {
    const federation = await startFederation('acme.example', 'globex.example', 'initech.example');
    const [acme, globex] = federation.organisations;
    if (acme === undefined || globex === undefined) throw new Error('there are no organisations');
    const end = (): Promise<void> => federation.close();
    const world = new StreamWorld(acme, globex, { insider: await openInsider(acme), end });
    await world.push('first', 'second');
    await world.agree();
    return world;
  }

  /** Somebody at acme. */
  get insider(): Insider {
    return this.#insider;
  }

  /** Connects that one anew, with the keys that acme has now. */
  async reopenInsider(): Promise<void> {
    await this.#insider.close();
    this.#insider = await openInsider(this.acme);
  }

  /** Pushes to acme one after the other, so that each is a package of its own. */
  async push(...tags: readonly string[]): Promise<void> {
    for (const tag of tags) await this.pushTogether(tag);
  }

  /** Pushes to acme as fast as it goes. */
  async pushTogether(...tags: readonly string[]): Promise<void> {
    this.pushed.push(...(await pushTags(this.acme.gateway, ...tags)));
    await awaitPublished(this.acme.gateway.databaseUrl);
  }

  async readCheckpoint(): Promise<string> {
    return (await fetchBytes(`${this.acme.gateway.url}/log/public/checkpoint`)).toString();
  }

  async readSize(): Promise<bigint> {
    return BigInt((await this.readCheckpoint()).split('\n')[1] ?? 0);
  }

  /** Waits until globex has all of acme, and holds nothing against it. */
  agree(): Promise<void> {
    return awaitAgreement(this.acme.gateway, this.globex.gateway, this.pushed);
  }

  /** How many entries of acme's log globex holds. */
  async readHeld(): Promise<bigint> {
    const query = '{ peer(organisation: "acme.example") { replica { held } } }';
    const { peer } = await askOperator<{ peer: { replica: { held: string } | null } }>(
      this.globex.gateway,
      query,
    );
    return BigInt(peer.replica?.held ?? 0);
  }

  /** How globex's consumer stands at acme. */
  async readConsumer(): Promise<ConsumerInfo> {
    return this.#insider.ask('CONSUMER.INFO.<STREAM>.globex_example');
  }

  /** Waits until globex has answered for all that its consumer was given; gives how many that were. */
  async settle(): Promise<number> {
    return vi.waitFor(async () => {
      const { num_pending: pending, num_ack_pending: unanswered, delivered } = await this.readConsumer();
      expect({ pending, unanswered }).toEqual({ pending: 0, unanswered: 0 });
      return delivered?.consumer_seq ?? 0;
    }, WAIT);
  }

  /** What globex gave up on. */
  async listLetters(): Promise<readonly Letter[]> {
    const query = '{ deadLetters(first: 100) { nodes { id reason subject } } }';
    const { deadLetters } = await askOperator<{ deadLetters: { nodes: readonly Letter[] } }>(
      this.globex.gateway,
      query,
    );
    return deadLetters.nodes;
  }

  /** The packages of acme's stream, oldest first. */
  async readPackages(): Promise<readonly StoredMessage[]> {
    return (await this.#insider.read()).filter(({ subject }) => subject.includes('.ledger.'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#insider.close();
    await this.#end();
  }
}
