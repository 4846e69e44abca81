import { type TSchema, Type } from 'typebox';
import { expect, test } from 'vitest';
import { Details, noDetails } from '../src/cases/details.ts';
import { problemsOf } from '../src/schema-problems.ts';

const word = Type.String({ pattern: '^[a-z]+$' });
const object = Type.Object({ from: word, to: Type.Optional(word) });

test.each<[string, TSchema, string]>([
  ['an array', Type.Array(object), 'an array, each entry an object with from, to'],
  ['an array of arrays', Type.Array(Type.Array(Type.Integer())), 'an array, each entry an array, each entry a whole number'],
  ['an array that says what it is', Type.Array(word, { description: 'names' }), 'names'],
  ['an array whose entries say it', Type.Array(Type.String({ description: 'a name' })), 'an array, each entry a name'],
  ['a union', Type.Union([object, word, Type.Null()]), 'an object with from, to, a text that matches ^[a-z]+$ or null'],
  ['a union of two', Type.Union([Type.Literal('a'), Type.Literal(2)]), '"a" or 2'],
  ['an enumeration', Type.Enum(['a', 'b', 'c']), '"a", "b" or "c"'],
  ['a text', Type.String(), 'a text'],
  ['a boolean', Type.Boolean(), 'true or false'],
  ['a record', Type.Record(word, Type.Integer()), 'an object'],
])('%s that is missing, or another thing, is told with what it must be', (_, schema, allowed) => {
  const at = { path: 'it' };
  expect(problemsOf(Type.Object({ it: schema }), {})).toEqual([{ ...at, message: `is missing; must be ${allowed}` }]);
  expect(problemsOf(Type.Object({ it: schema }), { it: 1.5 })).toEqual([{ ...at, message: `is 1.5; must be ${allowed}` }]);
});

test('the details of a case say of each array what is in it', () => {
  const { affected: _, ...rest } = noDetails;
  const array = 'an array, each entry an object with';
  expect(problemsOf(Details, { ...noDetails, affected: [{ product: 'libexample' }] })).toEqual([
    { path: 'affected[0].versions', message: `is missing; must be ${array} introduced, fixed, lastAffected` },
  ]);
  expect(problemsOf(Details, rest)).toEqual([
    { path: 'affected', message: `is missing; must be ${array} product, component, versions, repo, package` },
  ]);
});
