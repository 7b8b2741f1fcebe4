import { OciError } from './errors.ts';

/** A right asked of the token server, `type:name:action,…` (Docker token authentication, Scope); types and names are as sent. */
export type Scope = { type: string; name: string; actions: string[] };

const MAX_SCOPES = 100;
const MAX_SCOPE = 512;
const SCOPE = /^([a-z0-9]+(?:\([a-z0-9]+\))?):([^\s"\\]+):([a-z*]+(?:,[a-z*]+)*)?$/;

/**
 * Reads the `scope` parameters of a token request: each may hold several, separated by spaces. Scopes of one resource are united, in the order of first
 * appearance. Types and actions that the reader does not know are kept for the caller to pass over.
 * @throws OciError NAME_INVALID for a malformed scope or too many
 */
export function parseScopes(texts: readonly string[]): Scope[] {
  const wanted = texts.flatMap((text) => text.split(' ')).filter((text) => text !== '');
  if (wanted.length > MAX_SCOPES) {
    throw new OciError('NAME_INVALID', `A token request may name at most ${MAX_SCOPES} scopes.`);
  }
  const scopes = new Map<string, Scope>();
  for (const scope of wanted.map(parseScope)) {
    const key = `${scope.type}:${scope.name}`;
    const known = scopes.get(key);
    const actions = new Set([...(known?.actions ?? []), ...scope.actions]);
    scopes.set(key, { ...scope, actions: [...actions] });
  }
  return [...scopes.values()];
}

/** Writes a scope as {@link parseScopes} reads it. */
export function encodeScope({ type, name, actions }: Scope): string {
  return `${type}:${name}:${actions.join(',')}`;
}

function parseScope(text: string): Scope {
  // The name may hold colons itself (`host:port/name`): it ends at the last one.
  const [, type, name, actions] = (text.length > MAX_SCOPE ? undefined : SCOPE.exec(text)) ?? [];
  if (type === undefined || name === undefined) {
    throw new OciError('NAME_INVALID', 'A scope must be "type:name:actions".', {
      detail: { scope: text.slice(0, MAX_SCOPE) },
    });
  }
  return { type, name, actions: actions === undefined ? [] : actions.split(',') };
}
