import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { decide, type Facts, refusal } from './decide.ts';
import { type Action, ANONYMOUS, coversAction, type Principal } from './principal.ts';

const ID = '0'.repeat(32);
const ACTIONS: readonly Action[] = ['pull', 'push', 'tag:create', 'tag:move', 'delete', 'admin'];

const signedIn = (...actions: readonly string[]): Principal => ({
  id: ID,
  scopes: [{ type: 'repository', name: 'team/app', actions: [...actions] }],
});
const facts = (changes: Partial<Facts> = {}): Facts => ({
  active: true,
  generation: 0,
  visibility: null,
  policies: [],
  ...changes,
});

const may = (action: Action, ...patterns: readonly string[]): Facts['policies'] =>
  patterns.map((pattern) => ({ pattern, actions: [action] }));

describe('decisions on team/app', () => {
  const anonymous = { active: false };
  test.each<{ who: string; principal: Principal; action: Action; known: Partial<Facts>; decision: string }>([
    {
      who: 'anonymous, public',
      principal: ANONYMOUS,
      action: 'pull',
      known: { ...anonymous, visibility: 'public' },
      decision: 'ALLOWED',
    },
    {
      who: 'anonymous, public',
      principal: ANONYMOUS,
      action: 'push',
      known: { ...anonymous, visibility: 'public' },
      decision: 'UNAUTHORIZED',
    },
    {
      who: 'anonymous, public',
      principal: ANONYMOUS,
      action: 'delete',
      known: { ...anonymous, visibility: 'public' },
      decision: 'UNAUTHORIZED',
    },
    {
      who: 'anonymous, public',
      principal: ANONYMOUS,
      action: 'admin',
      known: { ...anonymous, visibility: 'public' },
      decision: 'UNAUTHORIZED',
    },
    {
      who: 'anonymous, protected',
      principal: ANONYMOUS,
      action: 'pull',
      known: { ...anonymous, visibility: 'protected' },
      decision: 'UNAUTHORIZED',
    },
    {
      who: 'anonymous, private',
      principal: ANONYMOUS,
      action: 'pull',
      known: { ...anonymous, visibility: 'private' },
      decision: 'UNAUTHORIZED',
    },
    {
      who: 'anonymous, absent',
      principal: ANONYMOUS,
      action: 'pull',
      known: anonymous,
      decision: 'UNAUTHORIZED',
    },
    {
      who: 'no policy, public',
      principal: signedIn(),
      action: 'pull',
      known: { visibility: 'public' },
      decision: 'ALLOWED',
    },
    {
      who: 'no policy, public',
      principal: signedIn('push'),
      action: 'push',
      known: { visibility: 'public' },
      decision: 'DENIED',
    },
    {
      who: 'no policy, private',
      principal: signedIn('pull'),
      action: 'pull',
      known: { visibility: 'private' },
      decision: 'NAME_UNKNOWN',
    },
    {
      who: 'no policy, absent',
      principal: signedIn('pull'),
      action: 'pull',
      known: {},
      decision: 'NAME_UNKNOWN',
    },
    {
      who: 'no policy, private',
      principal: signedIn('push'),
      action: 'push',
      known: { visibility: 'private' },
      decision: 'DENIED',
    },
    { who: 'no policy, absent', principal: signedIn('push'), action: 'push', known: {}, decision: 'DENIED' },
    {
      who: 'policy for others',
      principal: signedIn('push'),
      action: 'push',
      known: { policies: may('admin', 'team/other', 'app') },
      decision: 'DENIED',
    },
    {
      who: 'policy and scope',
      principal: signedIn('push'),
      action: 'push',
      known: { policies: may('admin', 'team/*') },
      decision: 'ALLOWED',
    },
    {
      who: 'policy, scope push',
      principal: signedIn('push'),
      action: 'pull',
      known: { policies: may('admin', '**') },
      decision: 'ALLOWED',
    },
    {
      who: 'policy, scope pull',
      principal: signedIn('pull'),
      action: 'push',
      known: { policies: may('admin', '**') },
      decision: 'INSUFFICIENT_SCOPE',
    },
    {
      who: 'policy, scope push',
      principal: signedIn('push'),
      action: 'delete',
      known: { policies: may('admin', '**') },
      decision: 'INSUFFICIENT_SCOPE',
    },
    {
      who: 'policy, scope admin',
      principal: signedIn('admin'),
      action: 'delete',
      known: { policies: may('admin', '**') },
      decision: 'ALLOWED',
    },
    {
      who: 'policy, no scope',
      principal: signedIn(),
      action: 'pull',
      known: { policies: may('admin', '**') },
      decision: 'INSUFFICIENT_SCOPE',
    },
    {
      who: 'no policy, no scope',
      principal: signedIn(),
      action: 'pull',
      known: {},
      decision: 'NAME_UNKNOWN',
    },
    {
      who: 'disabled, public',
      principal: signedIn('pull'),
      action: 'pull',
      known: { active: false, visibility: 'public' },
      decision: 'INVALID_TOKEN',
    },
    {
      who: 'disabled, policy',
      principal: signedIn('push'),
      action: 'push',
      known: { active: false, policies: may('admin', '**') },
      decision: 'INVALID_TOKEN',
    },
    {
      who: 'account gone',
      principal: signedIn('push'),
      action: 'push',
      known: { active: false, policies: may('admin', '**') },
      decision: 'INVALID_TOKEN',
    },
    {
      who: 'may only push, tags',
      principal: signedIn('push'),
      action: 'tag:create',
      known: { policies: may('push', '**') },
      decision: 'DENIED',
    },
    {
      who: 'may create tags alone',
      principal: signedIn('push'),
      action: 'tag:move',
      known: { policies: may('tag:create', '**') },
      decision: 'DENIED',
    },
    {
      who: 'may move tags, by the scope of a push',
      principal: signedIn('push'),
      action: 'tag:move',
      known: { policies: may('tag:move', '**') },
      decision: 'ALLOWED',
    },
    {
      who: 'may create tags, by the scope of a pull',
      principal: signedIn('pull'),
      action: 'tag:create',
      known: { policies: may('tag:create', '**') },
      decision: 'INSUFFICIENT_SCOPE',
    },
    {
      who: 'may create tags alone',
      principal: signedIn('push'),
      action: 'push',
      known: { policies: may('tag:create', '**') },
      decision: 'DENIED',
    },
    {
      who: 'expired, a tag',
      principal: { ...signedIn('push'), expired: true },
      action: 'tag:create',
      known: { policies: may('admin', '**') },
      decision: 'INVALID_TOKEN',
    },
    {
      who: 'expired and disabled, own upload',
      principal: { ...signedIn('push'), expired: true },
      action: 'push',
      known: { active: false, policies: may('admin', '**') },
      decision: 'INVALID_TOKEN',
    },
    {
      who: 'a password or secret ago',
      principal: { ...signedIn('push'), generation: 1 },
      action: 'push',
      known: { generation: 2, policies: may('admin', '**') },
      decision: 'INVALID_TOKEN',
    },
    {
      who: 'a password or secret ago, public',
      principal: signedIn('pull'),
      action: 'pull',
      known: { generation: 1, visibility: 'public' },
      decision: 'INVALID_TOKEN',
    },
    {
      who: 'a password or secret ago and expired, own upload',
      principal: { ...signedIn('push'), expired: true },
      action: 'push',
      known: { generation: 1, policies: may('admin', '**') },
      decision: 'INVALID_TOKEN',
    },
    {
      who: 'expired, own upload',
      principal: { ...signedIn('push'), expired: true },
      action: 'push',
      known: { policies: may('admin', '**') },
      decision: 'ALLOWED',
    },
    {
      who: 'expired',
      principal: { ...signedIn('push'), expired: true },
      action: 'pull',
      known: { policies: may('admin', '**'), visibility: 'public' },
      decision: 'INVALID_TOKEN',
    },
  ])('$who: $action is $decision', ({ principal, action, known, decision }) => {
    expect(decide(principal, action, 'team/app', facts(known))).toBe(decision);
  });

  const anyAction = fc.constantFrom(...ACTIONS);
  const anyVisibility = fc.constantFrom('public', 'protected', 'private', null);
  const anyPrincipal: fc.Arbitrary<Principal> = fc.record({
    id: fc.constantFrom(undefined, ID),
    scopes: fc.array(
      fc.record({
        type: fc.constantFrom('repository', 'registry', 'plugin'),
        name: fc.constantFrom('team/app', '**', 'catalog', 'team/*', '***'),
        actions: fc.array(fc.constantFrom(...ACTIONS, '*', 'constructor')),
      }),
    ),
    expired: fc.boolean(),
  });

  test('without a policy nothing is allowed but to pull what is public', () => {
    fc.assert(
      fc.property(
        anyPrincipal,
        anyAction,
        anyVisibility,
        fc.boolean(),
        (principal, action, visibility, active) => {
          const decision = decide(principal, action, 'team/app', facts({ active, visibility }));
          if (decision === 'ALLOWED')
            expect({ action, visibility }).toEqual({ action: 'pull', visibility: 'public' });
        },
      ),
    );
  });

  test('what is hidden is answered like what does not exist', () => {
    fc.assert(
      fc.property(anyPrincipal, anyAction, (principal, action) => {
        const decisions = [null, 'private', 'protected'].map((visibility) =>
          decide(principal, action, 'team/app', facts({ visibility })),
        );
        expect(new Set(decisions).size).toBe(1);
      }),
    );
  });
});

test('a scope of another type, name or unknown action covers nothing', () => {
  expect(coversAction([{ type: 'registry', name: '**', actions: ['admin'] }], 'pull', 'a')).toBe(false);
  expect(coversAction([{ type: 'repository', name: 'b', actions: ['pull'] }], 'pull', 'a')).toBe(false);
  expect(coversAction([{ type: 'repository', name: 'a', actions: ['*', 'toString'] }], 'pull', 'a')).toBe(
    false,
  );
});

test.each<Action>(['push', 'tag:create', 'tag:move'])(
  'a refused %s is challenged with the scope that docker asks for',
  (action) => {
    const error = refusal('INSUFFICIENT_SCOPE', action, 'team/app');
    expect(error.scopes).toEqual([{ type: 'repository', name: 'team/app', actions: ['pull', 'push'] }]);
  },
);

test.each(ACTIONS.filter((action) => action !== 'pull'))(
  '%s on another organisation’s repository is refused to whoever signs in, whatever the policies',
  (action) => {
    const principal = {
      id: ID,
      scopes: [{ type: 'repository', name: '**', actions: ['pull', 'push', 'admin'] }],
    };
    const known = facts({ visibility: 'public', policies: may('admin', '**') });
    const name = 'globex.example/public/app';
    expect(decide(principal, action, name, known)).toBe('FOREIGN');
    expect(decide(principal, 'pull', name, known)).toBe('ALLOWED');
    expect(decide(ANONYMOUS, action, name, known)).toBe('UNAUTHORIZED');
    expect(refusal('FOREIGN', action, name)).toMatchObject({ code: 'DENIED' });
    expect(refusal('FOREIGN', action, name).message).toContain('globex.example');
  },
);
