import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { V2_ROUTES } from '../../apps/gateway/routes/v2/register.ts';
import { type Row, ROWS, statusOf } from './matrix/rows.ts';
import {
  type Answer,
  openWorld,
  OUTSIDERS,
  PRINCIPALS,
  PUBLISHER,
  push,
  REPOSITORIES,
  STRANGER,
  type Visibility,
  type World,
} from './matrix/world.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
afterEach(async () => {
  // Who may push there has begun to: it is to be absent for the next one.
  await world.database.prisma.repository.deleteMany({ where: { name: REPOSITORIES.absent } });
});

const nameOf = ({ kind, method, path }: Row): string => `${kind} ${method} ${path(world)}`;

function ask(row: Row, repository: string, token: string | undefined): Promise<Answer> {
  const path = row.path(world);
  const whole = path.startsWith('/') ? path : `/v2/${repository}/${path}`;
  return world.ask(row.method, whole, { token, ...(row.body !== undefined && { body: row.body(world) }) });
}

/** What is left when the name that was asked for, and ids that are made for each request, are taken out. */
function shapeOf({ status, head, body }: Answer, repository: string): Answer {
  const mask = (text: string): string =>
    text
      .replaceAll(repository, 'NAME')
      .replaceAll(/[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID');
  return { status, head: head.map(mask), body: mask(body) };
}

test('there is a row for each method of each kind of path', () => {
  const routes = Object.entries(V2_ROUTES).flatMap(([kind, methods]) =>
    Object.keys(methods).map((method) => `${kind} ${method}`),
  );
  const rows = new Set(ROWS.map(({ kind, method }) => `${kind} ${method}`));
  expect(routes.filter((route) => !rows.has(route))).toEqual([]);
});

describe.each(PRINCIPALS)('%s', (principal) => {
  test.each(Object.keys(REPOSITORIES) as Visibility[])('in a repository that is %s', async (visibility) => {
    const repository = REPOSITORIES[visibility];
    const token = await world.tokenOf(principal, repository);
    for (const row of ROWS) {
      const { status, head } = await ask(row, repository, token);
      const expected = statusOf(row, principal, visibility);
      expect({ row: nameOf(row), status }).toEqual({ row: nameOf(row), status: expected });
      const isChallenged = head.some((line) => /^www-authenticate: Bearer /i.test(line));
      expect({ row: nameOf(row), isChallenged }).toEqual({
        row: nameOf(row),
        isChallenged: expected === 401,
      });
    }
  });
});

describe('hidden and absent are the same to the byte', () => {
  test.each(OUTSIDERS)('to %s', async (principal) => {
    const { hidden, absent } = REPOSITORIES;
    expect(hidden).toHaveLength(absent.length);
    const tokens = [await world.tokenOf(principal, hidden), await world.tokenOf(principal, absent)];
    for (const row of ROWS) {
      const [one, other] = [await ask(row, hidden, tokens[0]), await ask(row, absent, tokens[1])];
      expect({ row: nameOf(row), ...shapeOf(one, hidden) }).toEqual({
        row: nameOf(row),
        ...shapeOf(other, absent),
      });
    }
  });

  test('in the scopes that a token is given', async () => {
    for (const account of [undefined, STRANGER]) {
      const answers = [];
      for (const name of [REPOSITORIES.hidden, REPOSITORIES.absent]) {
        const headers = account === undefined ? {} : { authorization: basicOf(account) };
        const answer = await world.ask('GET', `/token?scope=repository:${name}:pull,push`, { headers });
        const { token, scope, expires_in: seconds } = JSON.parse(answer.body) as Record<string, unknown>;
        expect(answer.status).toBe(200);
        answers.push({ scope, seconds, length: String(token).length, payload: grantsOf(String(token)) });
      }
      expect(answers[0]).toEqual(answers[1]);
      expect(answers[0]).toMatchObject({ scope: '', payload: [] });
    }
  });

  test.each(['hidden', 'absent', 'elsewhere'] as const)(
    'as the source of a mount that is %s',
    async (place) => {
      const token = await world.gateway.token(
        world.gateway.publisher,
        'repository:public/mounts:pull,push',
        `repository:${REPOSITORIES.hidden}:pull`,
      );
      const layer = world.secret.blobs[1]?.descriptor.digest ?? '';
      const from = place === 'elsewhere' ? '' : `&from=${REPOSITORIES[place]}`;
      const shapes = [];
      for (const digest of [layer, `sha256:${'0'.repeat(64)}`]) {
        const answer = await world.ask('POST', `/v2/public/mounts/blobs/uploads/?mount=${digest}${from}`, {
          token,
        });
        shapes.push(shapeOf(answer, REPOSITORIES.hidden));
      }
      expect(shapes[0]).toEqual(shapes[1]);
      expect(shapes[0]?.status).toBe(202);
    },
  );

  test('as the target of a push by somebody who may push elsewhere', async () => {
    const shapes = [];
    for (const name of [REPOSITORIES.hidden, REPOSITORIES.absent]) {
      const token = await world.gateway.token(world.gateway.publisher, `repository:${name}:pull,push`);
      const answer = await world.ask('PUT', `/v2/${name}/manifests/2.0`, { token, body: world.image.bytes });
      shapes.push(shapeOf(answer, name));
    }
    expect(shapes[0]).toEqual(shapes[1]);
    expect(shapes[0]?.status).toBe(403);
  });

  test('as the repository of somebody else’s upload', async () => {
    const own = await world.tokenOf('publisher', REPOSITORIES.hidden);
    const begun = await world.ask('POST', `/v2/${REPOSITORIES.hidden}/blobs/uploads/`, { token: own });
    const id = begun.head.find((line) => /^docker-upload-uuid: /i.test(line))?.slice(-32) ?? '';
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    // An expired token of the one who began it may end it (design §3).
    const others = OUTSIDERS.filter((principal) => principal !== 'expired');
    for (const principal of [...others, 'robot', 'operator'] as const) {
      const token = await world.tokenOf(principal, REPOSITORIES.hidden);
      for (const method of ['GET', 'PATCH', 'DELETE']) {
        const shapes = [];
        for (const session of [id, '0'.repeat(32)]) {
          const path = `/v2/${REPOSITORIES.hidden}/blobs/uploads/${session}`;
          shapes.push(shapeOf(await world.ask(method, path, { token }), REPOSITORIES.hidden));
        }
        expect({ principal, method, ...shapes[0] }).toEqual({ principal, method, ...shapes[1] });
      }
    }
    const path = `/v2/${REPOSITORIES.hidden}/blobs/uploads/${id}`;
    expect((await world.ask('GET', path, { token: own })).status).toBe(204);
  });

  test('in lists, in their pages and in how many they are', async () => {
    const collect = async (principal: 'anonymous' | 'stranger'): Promise<readonly string[]> => {
      const asking = await world.tokenOf(principal, REPOSITORIES.hidden);
      const pages = [];
      for (const query of [
        '',
        '?n=1',
        `?last=${REPOSITORIES.hidden}`,
        `?last=${REPOSITORIES.absent}`,
        '?n=0',
      ]) {
        const { status, head, body } = await world.ask('GET', `/v2/_catalog${query}`, { token: asking });
        pages.push(`${query} ${status} ${head.join('\n')} ${body}`);
      }
      return pages;
    };
    for (const principal of ['anonymous', 'stranger'] as const) {
      const before = await collect(principal);
      expect(before.join()).not.toMatch(/"hidden/);
      for (const name of ['hidden/aaa', 'hidden/zzz']) {
        const own = await world.gateway.token(PUBLISHER, `repository:${name}:pull,push`);
        await push({ ask: world.ask, token: own }, name, world.image, '1.0');
      }
      expect(await collect(principal)).toEqual(before);
    }
  });

  test('in the private ledger, of which all but operators see the checkpoint alone', async () => {
    const paths = ['tile/0/000.p/1', 'tile/entries/000.p/1', 'tile/bodies/000.p/1', 'signed', 'staging/1-00'];
    for (const principal of PRINCIPALS) {
      const token = await world.tokenOf(principal, REPOSITORIES.hidden);
      for (const path of paths) {
        const [one, other] = [
          await world.ask('GET', `/log/private/${path}`, { token }),
          await world.ask('GET', `/log/nothing/${path}`, { token }),
        ];
        const isTile = principal === 'operator' && /^tile\/(?:0|entries)\//.test(path);
        if (isTile) expect({ path, status: one.status }).toEqual({ path, status: 200 });
        else if (principal !== 'operator')
          expect({ principal, path, ...one }).toEqual({ principal, path, ...other });
      }
      expect((await world.ask('GET', '/log/private/checkpoint', { token })).status).toBe(200);
    }
  });

  test('where a public manifest has referrers in it', async () => {
    const path = `referrers/${world.image.descriptor.digest}`;
    for (const principal of OUTSIDERS) {
      const token = await world.tokenOf(principal, REPOSITORIES.public);
      const answer = await world.ask('GET', `/v2/${REPOSITORIES.public}/${path}`, { token });
      expect(answer.body).not.toContain(world.secret.descriptor.digest);
    }
    const token = await world.tokenOf('reader', REPOSITORIES.hidden);
    const own = await world.ask('GET', `/v2/${REPOSITORIES.hidden}/${path}`, { token });
    expect(own.body).toContain(world.secret.descriptor.digest);
  });
});

function basicOf({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function grantsOf(token: string): unknown {
  const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
    access: unknown;
  };
  return payload.access;
}
