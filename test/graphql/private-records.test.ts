import { getOrganisation, verifyEvidence } from '@dockchains/client';
import { commitRepository, sealingPanelId, verifyScope } from '@dockchains/escrow';
import { parseRepositoryName, parseTag } from '@dockchains/oci';
import { isSealedEntry, parseRecord } from '@dockchains/records';
import { buildImage, startGateway, type TestAccount, type TestGateway } from '@dockchains/testing';
import { parsePolicy } from '@dockchains/tlog';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';

import { ask, push } from './session.ts';

const ORIGIN = 'acme.example/ledger/private';
const READ = 'repository:**:pull';
const ABSENT = '0'.repeat(32);
const READER: TestAccount = { username: 'team-reader', password: 'team-reader-password-1' };
const STRANGER: TestAccount = { username: 'stranger', password: 'stranger-password-1' };

const image = buildImage();
let gateway: TestGateway;
let recordId: string;
let otherId: string;

beforeAll(async () => {
  gateway = await startGateway({ env: { DOCKCHAINS_CHECKPOINT_INTERVAL_MS: '20' } });
  await administer('setNamespaceRule(pattern: "team/**", visibility: PRIVATE) { pattern }');
  await createAccount(READER, 'team/app');
  await createAccount(STRANGER, 'public/**');
  recordId = await push(gateway, image, { repository: 'team/app', tag: '1.0' });
  otherId = await push(gateway, buildImage(), { repository: 'team/secret', tag: '2.0' });
  await vi.waitFor(
    async () => {
      const query = `{ record(id: "${otherId}") { state } }`;
      expect((await asked(gateway.operator, query)).data).toEqual({ record: { state: 'PUBLISHED' } });
    },
    { timeout: 60_000 },
  );
});

afterAll(() => gateway.close());

async function administer(mutation: string): Promise<void> {
  const token = await gateway.token(gateway.operator, 'repository:**:admin');
  const { codes, messages } = await ask(gateway, `mutation { ${mutation} }`, { token });
  if (codes.length > 0) throw new Error(messages.join('\n'));
}

function createAccount({ username, password }: TestAccount, pattern: string): Promise<void> {
  const policies = `[{ pattern: "${pattern}", actions: [PULL] }]`;
  return administer(
    `createAccount(username: "${username}", password: "${password}", policies: ${policies}) { username }`,
  );
}

/** Asks as an account; undefined: anonymously. */
async function asked(account: TestAccount | undefined, query: string) {
  const token = account === undefined ? undefined : await gateway.token(account, READ);
  return ask(gateway, query, token === undefined ? {} : { token });
}

const entriesSchema = z.object({
  ledger: z.object({
    entries: z.object({ nodes: z.array(z.object({ kind: z.string(), statement: z.string() })) }),
  }),
});

/** What an account sees of the private ledger's entries. */
async function entriesFor(account: TestAccount | undefined) {
  const query = `{ ledger(origin: "${ORIGIN}") { entries(first: 100) { nodes { kind statement } } } }`;
  return entriesSchema.parse((await asked(account, query)).data).ledger.entries.nodes;
}

const FIELDS = 'id kind origin index state entry statement proof';

describe('to those who may pull its repository', () => {
  test.each([
    { name: 'record', query: () => `{ found: record(id: "${recordId}") { ${FIELDS} } }` },
    {
      name: 'artifact',
      query: () => `{ artifact(reference: "team/app:1.0") { found: record { ${FIELDS} } } }`,
    },
    {
      name: 'tag',
      query: () =>
        `{ repositories(visibility: PRIVATE, first: 2) { nodes { tags(first: 2) { nodes { found: record { ${FIELDS} } } } } } }`,
    },
  ])('a private record is shown through its $name', async ({ query }) => {
    const { data, codes } = await asked(READER, query());
    expect(codes).toEqual([]);
    const found = z
      .object({
        id: z.literal(recordId),
        kind: z.literal('tag-set'),
        origin: z.literal(ORIGIN),
        index: z.string(),
        state: z.literal('PUBLISHED'),
        entry: z.base64(),
        statement: z.string(),
        proof: z.string(),
      })
      .parse(findFound(data));
    expect(isSealedEntry(Buffer.from(found.entry, 'base64'))).toBe(true);
    expect(parseRecord(Buffer.from(found.statement))).toMatchObject({ repository: 'team/app', tag: '1.0' });

    const policy = parsePolicy(await readFile(join(gateway.dataDir, 'keys', 'trust.policy'), 'utf8'));
    const subject = {
      organisation: 'acme.example',
      repository: parseRepositoryName('team/app'),
      tag: parseTag('1.0'),
      digest: undefined,
    };
    expect(verifyEvidence(found.proof, { policy, subject })).toMatchObject({
      record: { digest: image.descriptor.digest },
      disclosure: 'committed, and disclosed by the owner; the escrowed copy was not shown',
    });
  });

  test('the receipt of a push shows which repository its scope is of', async () => {
    const token = await gateway.token(gateway.operator, 'repository:team/app:pull,push');
    const { headers } = await fetch(`${gateway.url}/v2/team/app/manifests/1.0`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': image.descriptor.mediaType },
      body: image.bytes,
    });
    const [, payload = ''] = (headers.get('dockchains-receipt') ?? '').split('.');
    const { scopeId, repoSalt } = z
      .object({ recordId: z.literal(recordId), scopeId: z.string(), repoSalt: z.string() })
      .parse(JSON.parse(Buffer.from(payload, 'base64url').toString()));

    const statements = JSON.stringify(await entriesFor(gateway.operator));
    const commitment = (repository: string) =>
      Buffer.from(commitRepository(scopeId, repository, Buffer.from(repoSalt, 'hex'))).toString('hex');
    expect(statements).toContain(commitment('team/app'));
    expect(statements).not.toContain(commitment('team/secret'));
  });

  test("a scope's record verifies by the sealing key that the organisation names", async () => {
    const { descriptor } = await getOrganisation(fetch, gateway.url);
    const publicKey = Buffer.from(descriptor.keys.sealing, 'hex');
    const [first] = await entriesFor(gateway.operator);
    const record = parseRecord(Buffer.from(first?.statement ?? ''));
    if (record.kind !== 'scope-opened') throw new Error(`The ledger begins with a ${record.kind}.`);
    const panelId = Buffer.from(record.panelId, 'hex');
    expect(Buffer.from(sealingPanelId(publicKey))).toEqual(panelId);
    const encapsulation = {
      repoCommit: Buffer.from(record.repoCommit, 'hex'),
      R: Buffer.from(record.R, 'hex'),
      Rbar: Buffer.from(record.Rbar, 'hex'),
      pi: Buffer.from(record.pi, 'hex'),
    };
    const label = verifyScope({ ...record, origin: ORIGIN, panelId, publicKey }, encapsulation);
    expect(Buffer.from(label).toString('hex')).toBe(record.label);
  });

  test('the entries of the ledger are theirs alone', async () => {
    const kinds = async (account: TestAccount | undefined) =>
      (await entriesFor(account)).map(({ kind }) => kind).sort();
    const one = ['manifest-published', 'tag-set'];
    expect(await kinds(READER)).toEqual(one);
    expect(await kinds(STRANGER)).toEqual([]);
    expect(await kinds(undefined)).toEqual([]);
    expect(await kinds(gateway.operator)).toEqual([...one, ...one, 'scope-opened', 'scope-opened'].sort());
  });
});

describe('to all others', () => {
  test.each([
    { name: 'a stranger', account: STRANGER },
    { name: 'a reader of another private repository', account: READER },
    { name: 'nobody in particular', account: undefined },
  ])('a private record is not there: $name', async ({ account }) => {
    for (const query of [
      (id: string) => `{ record(id: "${id}") { ${FIELDS} } }`,
      (id: string) =>
        `{ _entities(representations: [{ __typename: "Record", id: "${id}" }]) { __typename } }`,
    ]) {
      const [hidden, absent] = [await asked(account, query(otherId)), await asked(account, query(ABSENT))];
      expect([hidden.status, hidden.data, hidden.codes]).toEqual([absent.status, absent.data, absent.codes]);
    }
  });

  test('its repository is not listed', async () => {
    const query = '{ repositories { nodes { name } } }';
    expect((await asked(STRANGER, query)).data).toEqual({ repositories: { nodes: [] } });
    expect((await asked(READER, query)).data).toEqual({ repositories: { nodes: [{ name: 'team/app' }] } });
  });

  test('it stays hidden from a token whose scopes do not have it', async () => {
    const token = await gateway.token(READER, 'repository:public/app:pull');
    const { data } = await ask(gateway, `{ record(id: "${recordId}") { id } }`, { token });
    expect(data).toEqual({ record: null });
  });

  test('it is hidden as soon as the policy is gone', async () => {
    const token = await gateway.token(READER, READ);
    const query = `{ record(id: "${recordId}") { id } }`;
    expect((await ask(gateway, query, { token })).data).toEqual({ record: { id: recordId } });
    await administer('removePolicy(username: "team-reader", pattern: "team/app") { username }');
    expect((await ask(gateway, query, { token })).data).toEqual({ record: null });
    await administer('setPolicy(username: "team-reader", pattern: "team/app", actions: [PULL]) { username }');
  });
});

/** The value of the one member `found`, however deep it is. */
function findFound(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, member] of Object.entries(value)) {
    const found: unknown = name === 'found' ? member : findFound(member);
    if (found !== undefined) return found;
  }
  return undefined;
}
