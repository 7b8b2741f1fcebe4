import { type BuiltManifest, startGateway, type TestAccount, type TestGateway } from '@dockchains/testing';
import { expect } from 'vitest';

import { createWorkplace, type Workplace } from '../../apps/cli/test-io.ts';
import { openSession, pushBlobs, putManifest } from '../registry-http.ts';

/** A gateway, and a place to run command lines in that speak to it. */
export interface CommandLine {
  readonly gateway: TestGateway;
  readonly place: Workplace;
  /** Signs in at the gateway, or at another. */
  readonly login: (account: TestAccount, host?: string) => ReturnType<Workplace['run']>;
  /** Runs a command that must succeed, and gives its JSON. */
  readonly json: (...argv: string[]) => Promise<unknown>;
  /** Pushes an image to `public/app`. */
  readonly push: (image: BuiltManifest, tag: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Starts the gateway. */
export async function startCommandLine(): Promise<CommandLine> {
  const gateway = await startGateway();
  const place = await createWorkplace();
  place.io.fetch = globalThis.fetch;
  return {
    gateway,
    place,
    login: ({ username, password }, host = gateway.host) => {
      place.io.stdin = `${password}\n`;
      return place.run('login', host, '--username', username, '--password-stdin');
    },
    json: async (...argv) => {
      const { exitCode, stdout, stderr } = await place.run(...argv, '--json');
      const seen = { argv, exitCode, stderr, stdout: exitCode === 0 ? '' : stdout };
      expect(seen).toEqual({ argv, exitCode: 0, stderr: '', stdout: '' });
      return JSON.parse(stdout) as unknown;
    },
    push: async (image, tag) => {
      const session = await openSession(gateway, 'public/app');
      await pushBlobs(session, image);
      const { status } = await putManifest(session, tag, image);
      if (status !== 201) throw new Error(`The manifest was not taken: ${status}`);
    },
    close: async () => {
      await place.remove();
      await gateway.close();
    },
  };
}
