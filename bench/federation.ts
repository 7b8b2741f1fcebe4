import { measureMirrors } from './mirrors.ts';
import { measureNewPeer } from './new-peer.ts';
import { openOrganisations } from './organisations.ts';
import { measurePublication } from './publication.ts';
import type { Reading } from './reading.ts';

/** What is measured between organisations, and for how long. */
export interface FederationPlan {
  readonly runs: number;
  readonly seconds: number;
  /** How long pushes are kept up. */
  readonly pushSeconds: number;
  /** Of the ledger that a new peer takes over. */
  readonly entries: number;
  /** How long the catalog is watched while it follows that. */
  readonly catalogSeconds: number;
}

const PUSHES_PER_SECOND = 50;

/** Pushes to one of three organisations, watched in the catalogs of both others. */
export function measureFederationPushes({ pushSeconds }: FederationPlan): Promise<readonly Reading[]> {
  return withOrganisations(async (organisations) =>
    measurePublication(await organisations.startFederation(), {
      perSecond: PUSHES_PER_SECOND,
      seconds: pushSeconds,
    }),
  );
}

/** A large ledger of a new peer. */
export function measureFederationCatchUp(plan: FederationPlan): Promise<readonly Reading[]> {
  return withOrganisations(async (organisations) =>
    measureNewPeer(await organisations.start('globex.example'), plan),
  );
}

/** What a mirror costs its users and the origin. */
export function measureFederationMirrors(plan: FederationPlan): Promise<readonly Reading[]> {
  return withOrganisations(async (organisations) => {
    const [origin, mirror] = await organisations.startFederation();
    return measureMirrors({ origin, mirror }, plan);
  });
}

async function withOrganisations(
  measure: (organisations: ReturnType<typeof openOrganisations>) => Promise<readonly Reading[]>,
): Promise<readonly Reading[]> {
  const organisations = openOrganisations();
  try {
    return await measure(organisations);
  } finally {
    await organisations.close();
  }
}
