import type { GraphqlContext } from './context.ts';
import { toGraphqlError } from './errors.ts';

/** A field's resolver; its parent and arguments are what the schema and its parent's resolver have let through. */
type Resolver = (parent: never, args: never, context: GraphqlContext) => unknown;

/** A type's resolvers by field; `__resolveReference` has the representation for its parent, and no arguments. */
export type Fields = Readonly<Record<string, Resolver>>;

type GuardedField = (parent: unknown, args: unknown, context: unknown) => unknown;

/** Puts a type's resolvers under the request's deadline, and gives whatever they throw the one form of errors. */
export function guardFields(fields: Fields): Record<string, GuardedField> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, resolver]) => [
      name,
      name === '__resolveReference' ? guardReference(resolver) : guard(resolver),
    ]),
  );
}

function guard(resolver: Resolver): GuardedField {
  return (parent, args, context) => run(resolver, parent, args, context as GraphqlContext);
}

// Apollo Federation calls it without arguments, so that the context comes second.
function guardReference(resolver: Resolver): GuardedField {
  return (representation, context) => run(resolver, representation, {}, context as GraphqlContext);
}

function run(resolver: Resolver, parent: unknown, args: unknown, context: GraphqlContext): unknown {
  const refuse = (error: unknown): never => {
    throw toGraphqlError(error, context);
  };
  try {
    const value = resolver(parent as never, args as never, context);
    if (!(value instanceof Promise)) return value;
    return Promise.race([value, context.deadline.over]).catch(refuse);
  } catch (error) {
    return refuse(error);
  }
}
