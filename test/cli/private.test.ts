import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { buildImage, startGateway, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Workplace } from '../../apps/cli/test-io.ts';
import { ask, push } from '../graphql/session.ts';
import { openWorkplace } from '../workplace.ts';

const VERDICT = 'committed, and disclosed by the owner; the escrowed copy was not shown';

const image = buildImage();
let gateway: TestGateway;
let place: Workplace;

beforeAll(async () => {
  gateway = await startGateway();
  const token = await gateway.token(gateway.operator, 'repository:**:admin');
  const rule = 'mutation { setNamespaceRule(pattern: "team/**", visibility: PRIVATE) { pattern } }';
  expect((await ask(gateway, rule, { token })).codes).toEqual([]);
  await push(gateway, image, { repository: 'team/app', tag: '1.0' });
  place = await openWorkplace(gateway);
});
afterAll(async () => {
  await place.remove();
  await gateway.close();
});

describe('an image of a private repository', () => {
  test('is inspected, with its record and its ledger', async () => {
    const { exitCode, stdout } = await place.run('inspect', 'team/app:1.0', '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      digest: image.descriptor.digest,
      record: { kind: 'tag-set', principal: expect.any(String) as string },
      ledger: { origin: 'acme.example/ledger/private' },
    });
  });

  test('is proved into a file, which is verified without a network', async () => {
    const proved = await place.run('prove', 'team/app:1.0', '-o', 'app.tlog-proof');
    expect(proved).toMatchObject({ exitCode: 0, stderr: '' });
    expect(proved.stdout).toContain(VERDICT);

    place.io.fetch = () => Promise.reject(new Error('there is no network'));
    const verified = await place.run('verify', 'team/app:1.0', '--bundle', 'app.tlog-proof');
    const other = await place.run('verify', 'team/other:1.0', '--bundle', 'app.tlog-proof');
    place.io.fetch = globalThis.fetch;
    expect(verified).toMatchObject({ exitCode: 0, stderr: '' });
    expect(verified.stdout).toContain(`set team/app:1.0 to ${image.descriptor.digest}`);
    expect(verified.stdout).toContain(VERDICT);
    expect(other.exitCode).toBe(1);
  });

  test('is verified against the gateway', async () => {
    const { exitCode, stdout } = await place.run('verify', 'team/app:1.0');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('the gateway answers now that it still is');
    expect(stdout).toContain(VERDICT);
  });

  test('stands in a ledger that its operator audits', async () => {
    const { exitCode, stdout } = await place.run('audit', gateway.host, '--ledger', 'private');
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
    expect(stdout).toContain('Good: acme.example/ledger/private has');
  });

  test('is neither shown nor proved to who may not pull it', async () => {
    const stranger = await openWorkplace();
    await writeFile(join(stranger.folder, 'policy'), '');
    const answers = await Promise.all(
      ['team/app:1.0', 'team/none:1.0'].map((name) => stranger.run('inspect', `${gateway.host}/${name}`)),
    );
    await stranger.remove();
    const [hidden, absent] = answers.map(({ exitCode, stderr }) => ({
      exitCode,
      stderr: stderr.replaceAll(/team\/\w+/g, 'team/…'),
    }));
    expect(hidden).toEqual(absent);
    expect(hidden?.exitCode).not.toBe(0);
  });
});
