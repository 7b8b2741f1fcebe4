import {
  getNamedType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  isEnumType,
  isObjectType,
  isRequiredArgument,
  isScalarType,
} from 'graphql';

import { REQUIRED_ARGUMENTS } from './graphql.ts';

type Field = GraphQLField<unknown, unknown>;

// Deep enough for a record of a tag of a repository in a page.
const MAX_DEPTH = 6;
const PAGE = 'first: 2';

/** Says whether the type only holds the pages of another. */
export function isPaging({ name }: GraphQLObjectType): boolean {
  return /(?:Connection|Edge)$/.test(name);
}

/** Writes a selection of everything below a field, each type once on a way; empty for a value. */
export function selectAll(schema: GraphQLSchema, field: Field, path: readonly string[] = []): string {
  const type = getNamedType(field.type);
  if (isScalarType(type) || isEnumType(type)) return '';
  if (!isObjectType(type)) return '{ __typename }';
  const fields = Object.values(type.getFields())
    .filter((inner) => !(isPaging(type) && inner.name === 'edges'))
    .flatMap((inner) => selectOne(schema, type, inner, [...path, type.name]));
  return `{ __typename ${fields.join(' ')} }`;
}

function selectOne(
  schema: GraphQLSchema,
  type: GraphQLObjectType,
  field: Field,
  path: readonly string[],
): string[] {
  const inner = getNamedType(field.type);
  if (isObjectType(inner) && (path.includes(inner.name) || path.length >= MAX_DEPTH)) return [];
  const needed = REQUIRED_ARGUMENTS[`${type.name}.${field.name}`];
  if (needed === undefined && field.args.some(isRequiredArgument)) {
    throw new Error(`${type.name}.${field.name} needs arguments: name them in REQUIRED_ARGUMENTS.`);
  }
  const page = field.args.some(({ name }) => name === 'first') ? [PAGE] : [];
  const args = [...(needed === undefined ? [] : [needed]), ...page].join(', ');
  return [`${field.name}${args === '' ? '' : `(${args})`} ${selectAll(schema, field, path)}`];
}
