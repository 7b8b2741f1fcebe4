import type { Equivocation } from '@dockchains/tlog';

/** A log signed two histories; `proof` shows it to everybody. */
export class EquivocationError extends Error {
  override readonly name = 'EquivocationError';
  readonly code = 'EQUIVOCATION';
  readonly origin: string;
  readonly proof: Equivocation;

  constructor(origin: string, proof: Equivocation) {
    super(`${origin} signed two histories: nothing more is taken from it. Keep the proof as evidence.`);
    this.origin = origin;
    this.proof = proof;
  }
}
