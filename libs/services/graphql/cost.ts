import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';

/** A valid operation about to be executed. */
export type CostedOperation = {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** As sent: not yet coerced. */
  readonly variables: Readonly<Record<string, unknown>>;
};

/** By variable: the number it holds, or the length of its list. */
type Lengths = ReadonlyMap<string, number | undefined>;

// What costs more than reading a value: tiles read for a proof, a thousand matches that are ranked, proofs of 128 KiB, notes
// that are read, a memory-hard password hash.
const COST_OF_FIELD: Readonly<Record<string, number>> = {
  ...{ proof: 10, search: 500, equivocations: 100, undecidedHeads: 100, file: 10 },
  ...{ createAccount: 500, setPassword: 500 },
};

/**
 * Estimates an operation's cost: one for each field of the largest answer that it can have, more for the dear ones.
 * A connection counts as many times as its `first` says, `_entities` as it has representations.
 */
export function costOf({ schema, document, operation, variables }: CostedOperation): number {
  const lengths = lengthsOf(operation, variables);
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  const costOfFragment = new Map<string, number>();

  const ofSelections = ({ selections }: SelectionSetNode, type: GraphQLNamedType | undefined): number =>
    selections.reduce((sum, selection) => {
      switch (selection.kind) {
        case Kind.FIELD:
          return sum + ofField(selection, findField(type, selection.name.value));
        case Kind.INLINE_FRAGMENT: {
          const condition = selection.typeCondition?.name.value;
          return (
            sum +
            ofSelections(selection.selectionSet, condition === undefined ? type : schema.getType(condition))
          );
        }
        case Kind.FRAGMENT_SPREAD:
          return sum + ofFragment(selection.name.value);
      }
    }, 0);

  // Each fragment is walked once, however often it is spread; validation has excluded cycles.
  const ofFragment = (name: string): number => {
    const known = costOfFragment.get(name);
    if (known !== undefined) return known;
    const fragment = fragments.get(name);
    const cost =
      fragment === undefined
        ? 0
        : ofSelections(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value));
    costOfFragment.set(name, cost);
    return cost;
  };

  const ofField = (node: FieldNode, field: GraphQLField<unknown, unknown> | undefined): number => {
    if (field === undefined) return 1; // introspection, which graphql-js bounds itself
    const inside =
      node.selectionSet === undefined ? 0 : ofSelections(node.selectionSet, getNamedType(field.type));
    return (COST_OF_FIELD[field.name] ?? 1) + inside * timesOf(node, field, lengths);
  };

  return ofSelections(operation.selectionSet, schema.getRootType(operation.operation) ?? undefined);
}

function findField(
  type: GraphQLNamedType | undefined,
  name: string,
): GraphQLField<unknown, unknown> | undefined {
  return isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
}

function timesOf(node: FieldNode, field: GraphQLField<unknown, unknown>, lengths: Lengths): number {
  for (const { name, defaultValue } of field.args) {
    if (name !== 'first' && name !== 'representations') continue;
    const given = node.arguments?.find((argument) => argument.name.value === name)?.value;
    return Math.max(1, sizeOf(given, lengths) ?? sizeOfValue(defaultValue) ?? 1);
  }
  return 1;
}

/** What the operation's variables say, those that were not sent by their defaults. */
function lengthsOf(
  { variableDefinitions = [] }: OperationDefinitionNode,
  variables: CostedOperation['variables'],
): Lengths {
  return new Map(
    variableDefinitions.map(({ variable: { name }, defaultValue }) => [
      name.value,
      variables[name.value] === undefined
        ? sizeOf(defaultValue, new Map())
        : sizeOfValue(variables[name.value]),
    ]),
  );
}

function sizeOf(value: ValueNode | undefined, lengths: Lengths): number | undefined {
  if (value?.kind === Kind.VARIABLE) return lengths.get(value.name.value);
  if (value?.kind === Kind.INT) return Number(value.value);
  return value?.kind === Kind.LIST ? value.values.length : undefined;
}

function sizeOfValue(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return Array.isArray(value) ? value.length : undefined;
}
