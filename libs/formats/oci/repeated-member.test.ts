import fc from 'fast-check';
import { expect, test } from 'vitest';

import { hasRepeatedMember } from './repeated-member.ts';

const isRepeated = (text: string): boolean => hasRepeatedMember(text, JSON.parse(text));

test.each([
  '{"a":1,"a":1}',
  '{"a":1,"b":{},"a":{"c":[]}}',
  String.raw`{"a":1,"\u0061":2}`,
  String.raw`{"\\":1,"\\":2}`,
  String.raw`{"\"":1,"\"":2}`,
  '[[{"x":{"a" \n:1,\t"a"\r: 2}}]]',
  '{"__proto__":1,"__proto__":2}',
  '{"":1,"":2}',
  '{"a":{"b":1},"a":null}',
])('finds the repeated member of %s', (text) => {
  expect(isRepeated(text)).toBe(true);
});

test.each([
  '{}',
  '"a:b"',
  '{"a":{"a":{"a":[{"a":1},{"a":1}]}}}',
  '{"a":"b","b":"a","c":["a",":","a"]}',
  String.raw`{"a":"\":\"","\\":"\\\\","\"":"\":"}`,
  '{"a":":","A":"\u2028:","__proto__":null}',
  '[ "a" , "a" ]',
  '{"1":1,"0":0}',
])('finds none in %s', (text) => {
  expect(isRepeated(text)).toBe(false);
});

test('finds none in any JSON that was written by a program', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(0, 1, '\t'), (value, indent) => {
      expect(isRepeated(JSON.stringify(value, null, indent))).toBe(false);
    }),
  );
});

test('finds a member that was put in a second time, wherever that is', () => {
  const objects = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { minKeys: 1, maxKeys: 5 });
  fc.assert(
    fc.property(objects, fc.nat(), fc.jsonValue(), (object, place, value) => {
      const members = Object.entries(object).map((member) =>
        member.map((part) => JSON.stringify(part)).join(':'),
      );
      const name = JSON.stringify(Object.keys(object)[place % members.length]);
      members.splice(place % (members.length + 1), 0, `${name}:${JSON.stringify(value)}`);
      expect(isRepeated(`[{"in":{${members.join(' ,')}}}]`)).toBe(true);
    }),
  );
});

test('reads what lies a million deep', () => {
  expect(isRepeated(`${'['.repeat(1_000_000)}{"a":1,"a":2}${']'.repeat(1_000_000)}`)).toBe(true);
});
