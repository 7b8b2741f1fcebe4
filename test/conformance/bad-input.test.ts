import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { DIGEST_RULES } from './bad-input/digests.ts';
import { GRAPHQL_RULES } from './bad-input/graphql.ts';
import { LIST_RULES } from './bad-input/lists.ts';
import { LOG_RULES } from './bad-input/log.ts';
import { MANIFEST_RULES } from './bad-input/manifests.ts';
import { NAME_RULES } from './bad-input/names.ts';
import type { Rule } from './bad-input/rule.ts';
import { TOKEN_RULES } from './bad-input/tokens.ts';
import { UPLOAD_RULES } from './bad-input/uploads.ts';
import { type Answer, openWorld, type Snapshot, type World } from './bad-input/world.ts';

const RULES: readonly Rule[] = [
  ...NAME_RULES,
  ...DIGEST_RULES,
  ...LIST_RULES,
  ...MANIFEST_RULES,
  ...UPLOAD_RULES,
  ...TOKEN_RULES,
  ...GRAPHQL_RULES,
  ...LOG_RULES,
];

/** What only our own programs, paths and libraries say. */
const INTERNAL = /node_modules|\.ts\b|\bat \S+ \(|SELECT |INSERT |prisma|ENOENT|constraint/;

let world: World;
/** How the last test left all; undefined where it failed. */
let known: Snapshot | undefined;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

describe('bad input is refused by its rule, and leaves nothing', () => {
  test.each(RULES)('$route: $rule', async ({ prepare, send, ...rule }) => {
    const prepared = (await prepare?.(world)) ?? '';
    const before = prepare === undefined && known !== undefined ? known : await world.snapshot();
    known = undefined;
    const answer = await send(world, prepared);
    expect({ status: answer.status, code: codeOf(answer, rule) }).toEqual({
      status: rule.status,
      code: rule.shape === 'none' ? undefined : rule.code,
    });
    expect(answer.body.toString()).not.toMatch(INTERNAL);
    // An answer may come before what was written for the request has been taken away again.
    await expect.poll(() => world.snapshot()).toEqual(before);
    known = before;
  });
});

test('there are at least 150 pairs of route and rule, each with its section', () => {
  const pairs = new Set(RULES.map(({ route, rule }) => `${route}: ${rule}`));
  expect(pairs.size).toBe(RULES.length);
  expect(pairs.size).toBeGreaterThanOrEqual(150);
  expect(RULES.filter(({ section }) => section === '')).toEqual([]);
  process.stdout.write(`Bad input: ${pairs.size} pairs of route and rule.\n`);
});

test('what is left is noticed', async () => {
  const before = await world.snapshot();
  // The usual one has no file until it has bytes.
  await world.beginUpload('?digest-algorithm=sha512');
  const after = await world.snapshot();
  expect(after.rows).not.toEqual(before.rows);
  expect(after.files).not.toEqual(before.files);
});

/** Checks the body against its shape, and gives the code in it. */
function codeOf({ headers, body }: Answer, { shape = 'oci' }: Pick<Rule, 'shape'>): string | undefined {
  const text = body.toString();
  switch (shape) {
    case 'none':
      expect(text).toBe('');
      return undefined;
    case 'text':
      expect(headers['content-type']).toBe('text/plain; charset=utf-8');
      expect(text).toMatch(/^[^\n]+\n$/);
      return undefined;
    case 'oauth': {
      const { error, ...rest } = JSON.parse(text) as { error: string };
      expect(rest).toEqual({ error_description: expect.stringMatching(/./) as string });
      return error;
    }
    case 'oci': {
      expect(headers['content-type']).toBe('application/json');
      const { errors, ...rest } = JSON.parse(text) as { errors: { code: string }[] };
      expect(rest).toEqual({});
      expect(errors).toHaveLength(1);
      const code = errors[0]?.code;
      expect(errors[0]).toMatchObject({ code, message: expect.stringMatching(/./) as string });
      return code;
    }
    case 'graphql': {
      expect(headers['content-type']).toMatch(/^application\/(?:graphql-response\+)?json/);
      const { errors } = JSON.parse(text) as { errors: { message: string; extensions: { code: string } }[] };
      expect(errors[0]?.message).toMatch(/./);
      expect(JSON.stringify(errors)).not.toContain('stacktrace');
      return errors[0]?.extensions.code;
    }
  }
}
