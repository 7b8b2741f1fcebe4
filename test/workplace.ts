import type { TestGateway } from '@dockchains/testing';
import { expect } from 'vitest';

import { createWorkplace, type Workplace } from '../apps/cli/test-io.ts';

/** A place to run command lines in that reaches the network, its operator signed in at these gateways. */
export async function openWorkplace(...gateways: readonly TestGateway[]): Promise<Workplace> {
  const place = await createWorkplace();
  place.io.fetch = globalThis.fetch;
  for (const gateway of gateways) await signIn(place, gateway, gateway.operator);
  return place;
}

/** Signs an account in, as `login` does for whoever types its password. */
export async function signIn(
  place: Workplace,
  { host }: Pick<TestGateway, 'host'>,
  { username, password }: TestGateway['operator'],
): Promise<void> {
  place.io.stdin = `${password}\n`;
  const login = await place.run('login', host, '--username', username, '--password-stdin');
  expect(login).toMatchObject({ exitCode: 0 });
}
