import fc from 'fast-check';
import { expect, test } from 'vitest';

import { OciError } from './errors.ts';
import { encodeScope, parseScopes } from './scope.ts';

const app = (...actions: string[]) => ({ type: 'repository', name: 'app', actions });

test.each([
  { name: 'nothing', texts: [], scopes: [] },
  { name: 'an empty parameter', texts: [''], scopes: [] },
  { name: 'one scope', texts: ['repository:app:pull,push'], scopes: [app('pull', 'push')] },
  {
    name: 'repeated parameters of one repository',
    texts: ['repository:app:pull', 'repository:app:pull,push'],
    scopes: [app('pull', 'push')],
  },
  {
    name: 'several in one parameter',
    texts: ['repository:app:pull repository:b:pull'],
    scopes: [app('pull'), { type: 'repository', name: 'b', actions: ['pull'] }],
  },
  {
    name: 'the catalog',
    texts: ['registry:catalog:*'],
    scopes: [{ type: 'registry', name: 'catalog', actions: ['*'] }],
  },
  {
    name: 'a name with a port',
    texts: ['repository:r.example:5000/app:pull'],
    scopes: [{ type: 'repository', name: 'r.example:5000/app', actions: ['pull'] }],
  },
  {
    name: 'a class of repository',
    texts: ['repository(plugin):app:pull'],
    scopes: [{ type: 'repository(plugin)', name: 'app', actions: ['pull'] }],
  },
  { name: 'no actions', texts: ['repository:app:'], scopes: [app()] },
  {
    name: 'an unknown type and action',
    texts: ['wine:cellar:drink'],
    scopes: [{ type: 'wine', name: 'cellar', actions: ['drink'] }],
  },
])('reads $name', ({ texts, scopes }) => {
  expect(parseScopes(texts)).toEqual(scopes);
});

test.each([
  { name: 'no colon', texts: ['repository'] },
  { name: 'one colon', texts: ['repository:app'] },
  { name: 'no name', texts: ['repository::pull'] },
  { name: 'an uppercase action', texts: ['repository:app:PULL'] },
  { name: 'an empty action', texts: ['repository:app:pull,'] },
  { name: 'a quotation mark', texts: ['repository:a"b:pull'] },
  { name: 'a line break', texts: ['repository:app:pull\nx'] },
  { name: 'a long one', texts: [`repository:${'a'.repeat(600)}:pull`] },
  { name: 'too many', texts: Array.from({ length: 101 }, (_, i) => `repository:a${i}:pull`) },
])('refuses $name', ({ texts }) => {
  expect(() => parseScopes(texts)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
});

test('gives back every scope that it wrote', () => {
  const scope = fc.record({
    type: fc.constantFrom('repository', 'registry', 'repository(plugin)'),
    name: fc.stringMatching(/^[a-z0-9]+(\/[a-z0-9]+){0,3}$/),
    actions: fc.uniqueArray(fc.constantFrom('pull', 'push', 'delete', '*')),
  });
  fc.assert(
    fc.property(scope, (one) => {
      expect(parseScopes([encodeScope(one)])).toEqual([one]);
    }),
  );
});

test('throws nothing but OciError, whatever it reads', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (texts) => {
      try {
        parseScopes(texts);
      } catch (error) {
        expect(error).toBeInstanceOf(OciError);
      }
    }),
  );
});
