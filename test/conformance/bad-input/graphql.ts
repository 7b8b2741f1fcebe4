import { type Rule, SECTIONS } from './rule.ts';
import { REPOSITORY } from './world.ts';

const route = 'POST /graphql';
const JSON_TYPE = { 'content-type': 'application/json' };

/** Requests that GraphQL never sees executed. */
const REQUESTS: Readonly<Record<string, readonly [body: string, code: string, status?: number]>> = {
  'an empty body': ['', 'BAD_REQUEST'],
  'JSON that is cut off': ['{"query":"{ __type', 'BAD_REQUEST'],
  'a list of operations': ['[{"query":"{ __typename }"}]', 'BAD_REQUEST'],
  'no query': ['{}', 'BAD_REQUEST'],
  'a query that is no text': ['{"query":7}', 'BAD_REQUEST'],
  'variables that are a text': ['{"query":"{ __typename }","variables":"x"}', 'BAD_REQUEST'],
  'a __proto__ in the request': ['{"query":"{ __typename }","__proto__":{"a":1}}', 'BAD_REQUEST'],
  'a body of 65,537 bytes': [' '.repeat(65_537), 'PAYLOAD_TOO_LARGE', 413],
};

const DOCUMENTS: Readonly<Record<string, readonly [query: string, code: string]>> = {
  'a document that is none': ['{', 'GRAPHQL_PARSE_FAILED'],
  'a document with a NUL': ['{ __typename \u0000 }', 'GRAPHQL_PARSE_FAILED'],
  'a text with half of a surrogate pair': [
    '{ artifact(reference: "a\\ud800") { id } }',
    'GRAPHQL_PARSE_FAILED',
  ],
  'over 2,000 tokens': [`{ ${'a '.repeat(2001)} }`, 'GRAPHQL_PARSE_FAILED'],
  'a field that is not there': ['{ secrets }', 'GRAPHQL_VALIDATION_FAILED'],
  'an argument that is not there': [
    '{ repositories(all: true) { nodes { name } } }',
    'GRAPHQL_VALIDATION_FAILED',
  ],
  'fragments in a circle': [
    '{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }',
    'GRAPHQL_VALIDATION_FAILED',
  ],
  'over 50 aliases': [
    `{ ${Array.from({ length: 60 }, (_, n) => `a${n}: _service { sdl }`).join(' ')} }`,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  'over 20 directives': [`{ __typename ${'@a '.repeat(30)} }`, 'GRAPHQL_VALIDATION_FAILED'],
  'fields 30 deep': [
    `{ ledger(origin: "a") { entries { edges { node ${'{ edges { node '.repeat(13)} { id } ${'} }'.repeat(13)} } } } }`,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  'a cost over 5,000': [
    '{ repositories(first: 100) { nodes { tags(first: 100) { nodes { name } } } } }',
    'QUERY_TOO_COSTLY',
  ],
  'a variable of another type': [
    'query ($a: Int!) { repositories(first: $a) { nodes { name } } }',
    'BAD_USER_INPUT',
  ],
  'a page that is no number': [
    '{ repositories(first: "2") { nodes { name } } }',
    'GRAPHQL_VALIDATION_FAILED',
  ],
};

const cursor = (list: readonly unknown[]): string => Buffer.from(JSON.stringify(list)).toString('base64url');
const page = (after: string): string =>
  `{ repositories(after: ${JSON.stringify(after)}) { nodes { name } } }`;

/** Operations whose arguments are wrong: the field answers with an error, and the rest of the answer stands. */
const FIELDS: Readonly<Record<string, readonly [query: string, code: string, section: string]>> = {
  'a page of 0': ['{ repositories(first: 0) { nodes { name } } }', 'BAD_USER_INPUT', SECTIONS.lists],
  'a page of 101': ['{ repositories(first: 101) { nodes { name } } }', 'BAD_USER_INPUT', SECTIONS.lists],
  'a page of -1': ['{ repositories(first: -1) { nodes { name } } }', 'BAD_USER_INPUT', SECTIONS.lists],
  'a cursor that is none': [page('***'), 'BAD_USER_INPUT', SECTIONS.lists],
  'an empty cursor': [page(''), 'BAD_USER_INPUT', SECTIONS.lists],
  'a cursor of another list': [page(cursor(['tags', 'a', 'b'])), 'BAD_USER_INPUT', SECTIONS.lists],
  'a cursor with a NUL': [page(cursor(['repositories', 'a\0'])), 'BAD_USER_INPUT', SECTIONS.lists],
  'a cursor of 2,000 characters': [
    page(cursor(['repositories', 'a'.repeat(1500)])),
    'BAD_USER_INPUT',
    SECTIONS.lists,
  ],
  'neither reference nor digest': ['{ artifact { id } }', 'BAD_USER_INPUT', SECTIONS.graphql],
  'reference and digest': [
    `{ artifact(reference: "${REPOSITORY}", digest: "sha256:${'a'.repeat(64)}") { id } }`,
    'BAD_USER_INPUT',
    SECTIONS.graphql,
  ],
  'a digest that is none': ['{ artifact(digest: "sha256:abc") { id } }', 'BAD_USER_INPUT', SECTIONS.digests],
  'a reference with a NUL': [
    '{ artifact(reference: "a\\u0000b") { id } }',
    'BAD_USER_INPUT',
    SECTIONS.pulling,
  ],
  'a search with a NUL': ['{ search(text: "a\\u0000b") { matches } }', 'BAD_USER_INPUT', SECTIONS.graphql],
  'repositories of an organisation with a NUL': [
    '{ repositories(organisation: "a\\u0000b") { nodes { name } } }',
    'BAD_USER_INPUT',
    SECTIONS.graphql,
  ],
  'a reference of 1,025 characters': [
    `{ artifact(reference: "${'a'.repeat(1025)}") { id } }`,
    'BAD_USER_INPUT',
    SECTIONS.bounded,
  ],
  'a reference to another registry': [
    '{ artifact(reference: "docker.io/library/alpine") { id } }',
    'BAD_USER_INPUT',
    SECTIONS.proxying,
  ],
  'a list by a digest that is none': [
    '{ artifacts(digest: "md5:x") { nodes { id } } }',
    'BAD_USER_INPUT',
    SECTIONS.digests,
  ],
  'a record id that is none': ['{ record(id: "xyz") { id } }', 'BAD_USER_INPUT', SECTIONS.graphql],
  'a record id in capitals': [
    `{ record(id: "${'A'.repeat(32)}") { id } }`,
    'BAD_USER_INPUT',
    SECTIONS.graphql,
  ],
  'administration by who is no operator': [
    '{ accounts { nodes { username } } }',
    'FORBIDDEN',
    SECTIONS.decision,
  ],
  'a change by who is no operator': [
    'mutation { disableAccount(username: "operator") { username } }',
    'FORBIDDEN',
    SECTIONS.decision,
  ],
  'a namespace rule by who is no operator': [
    'mutation { setNamespaceRule(pattern: "**", visibility: PUBLIC) { pattern } }',
    'FORBIDDEN',
    SECTIONS.decision,
  ],
};

/** What an operator sends that is wrong. */
const CHANGES: Readonly<Record<string, readonly [query: string, code: string]>> = {
  'an account without a name': [
    'mutation { createAccount(username: "", password: "long-enough-1") { username } }',
    'BAD_USER_INPUT',
  ],
  'an account with a NUL': [
    'mutation { createAccount(username: "a\\u0000b", password: "long-enough-1") { username } }',
    'BAD_USER_INPUT',
  ],
  'a password of 7 characters': [
    'mutation { createAccount(username: "short", password: "1234567") { username } }',
    'BAD_USER_INPUT',
  ],
  'a policy on no pattern': [
    'mutation { setPolicy(username: "reader", pattern: "a//b", actions: [PULL]) { username } }',
    'BAD_USER_INPUT',
  ],
  'a policy on three deep wildcards': [
    'mutation { setPolicy(username: "reader", pattern: "**/a/**/b/**", actions: [PULL]) { username } }',
    'BAD_USER_INPUT',
  ],
  'a policy of no actions': [
    'mutation { setPolicy(username: "reader", pattern: "a", actions: []) { username } }',
    'BAD_USER_INPUT',
  ],
  'a policy for nobody': [
    'mutation { setPolicy(username: "nobody", pattern: "a", actions: [PULL]) { username } }',
    'NOT_FOUND',
  ],
  'a policy that is not there': [
    'mutation { removePolicy(username: "reader", pattern: "none/**") { username } }',
    'NOT_FOUND',
  ],
  'a visibility that has no ledger': [
    `mutation { setRepositoryVisibility(repository: "${REPOSITORY}", visibility: PROTECTED) { tags } }`,
    'BAD_USER_INPUT',
  ],
  'a visibility for a name that is none': [
    'mutation { setRepositoryVisibility(repository: "A//b", visibility: PRIVATE) { tags } }',
    'BAD_USER_INPUT',
  ],
  'a visibility for a repository that is not there': [
    'mutation { setRepositoryVisibility(repository: "public/none", visibility: PRIVATE) { tags } }',
    'NOT_FOUND',
  ],
  'a robot without a name': [
    'mutation { createRobot(name: "", validHours: 1) { secret } }',
    'BAD_USER_INPUT',
  ],
  'a robot for no hours': ['mutation { createRobot(name: "r", validHours: 0) { secret } }', 'BAD_USER_INPUT'],
  'a robot for over a year': [
    'mutation { createRobot(name: "r", validHours: 8761) { secret } }',
    'BAD_USER_INPUT',
  ],
  'a robot that is not there': ['mutation { rotateRobot(name: "nobody") { secret } }', 'NOT_FOUND'],
  'immutable tags of a pattern that is none': [
    'mutation { addImmutableTagRule(pattern: "a//b", tags: "*") { tags } }',
    'BAD_USER_INPUT',
  ],
  'immutable tags that are none': [
    'mutation { addImmutableTagRule(pattern: "a", tags: "-bad tag") { tags } }',
    'BAD_USER_INPUT',
  ],
  'an account that exists': [
    'mutation { createAccount(username: "reader", password: "long-enough-1") { username } }',
    'CONFLICT',
  ],
  'a namespace rule on no pattern': [
    'mutation { setNamespaceRule(pattern: "UPPER", visibility: PUBLIC) { pattern } }',
    'BAD_USER_INPUT',
  ],
  'a namespace rule that is not there': ['mutation { removeNamespaceRule(pattern: "none/**") }', 'NOT_FOUND'],
};

/** GraphQL requests, documents and arguments. */
export const GRAPHQL_RULES: readonly Rule[] = [
  ...Object.entries(REQUESTS).map(([rule, [body, code, status = 400]]): Rule => ({
    ...{ route, rule, section: SECTIONS.graphql, status, code, shape: 'graphql' },
    send: ({ call }) => call('POST', '/graphql', { headers: JSON_TYPE, body }),
  })),
  ...['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'].map(
    (type): Rule => ({
      route,
      rule: `a Content-Type of ${type}`,
      section: SECTIONS.graphql,
      status: 415,
      code: 'BAD_REQUEST',
      shape: 'graphql',
      send: ({ call }) =>
        call('POST', '/graphql', { headers: { 'content-type': type }, body: '{"query":"{ __typename }"}' }),
    }),
  ),
  ...Object.entries(DOCUMENTS).map(([rule, [query, code]]): Rule => ({
    ...{ route, rule, section: SECTIONS.limits, status: 400, code },
    shape: 'graphql',
    send: ({ call }) =>
      call('POST', '/graphql', {
        headers: JSON_TYPE,
        body: JSON.stringify({ query, variables: { a: 'x' } }),
      }),
  })),
  ...Object.entries(FIELDS).map(([rule, [query, code, section]]): Rule => ({
    ...{ route, rule, section, status: 200, code, shape: 'graphql' },
    send: ({ call }) => call('POST', '/graphql', { headers: JSON_TYPE, body: JSON.stringify({ query }) }),
  })),
  ...Object.entries(CHANGES).map(([rule, [query, code]]): Rule => ({
    ...{ route: `${route} (operator)`, rule, section: SECTIONS.bounded, status: 200, code, shape: 'graphql' },
    async send({ call, gateway }) {
      const token = await gateway.token(gateway.operator, 'repository:**:admin');
      return call('POST', '/graphql', { headers: JSON_TYPE, body: JSON.stringify({ query }), token });
    },
  })),
  {
    ...{
      route,
      rule: 'a token that is none',
      section: SECTIONS.bearer,
      status: 401,
      code: 'UNAUTHENTICATED',
    },
    shape: 'graphql',
    send: ({ call }) =>
      call('POST', '/graphql', { headers: JSON_TYPE, body: '{"query":"{ __typename }"}', token: 'none' }),
  },
];
